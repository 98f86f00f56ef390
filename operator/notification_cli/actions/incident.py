"""Shows the events of one incident, and what each target got."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from notification_cli.errors import CliError, ExitCode
from notification_cli.output.detail import STATES as TARGET_STYLES
from notification_cli.output.documents import document, resource_name
from notification_cli.output.table import Column, Table
from notification_cli.views.format import Output
from notification_cli.views.incidents import STATES, events_of
from notification_cli.views.plain import plain
from notification_cli.views.rows import STYLES
from notification_cli.views.text import clean, moment
from notification_operator.domain.incident import incident_selector

if TYPE_CHECKING:
    from collections.abc import Iterator

    from notification_cli.output.screen import Span
    from notification_cli.session import Session
    from notification_cli.views.incidents import IncidentEvent

COLUMNS = (
    Column(title="UTC", rank=2),
    Column(title="EVENT"),
    Column(title="NAME", rank=1),
    Column(title="PHASE", rank=3),
    Column(title="TARGET"),
    Column(title="STATE"),
    Column(title="DETAIL", rank=4),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowingIncident:
    """Which incident; `key` is the `spec.dedupKey` of its notifications."""

    key: str
    output: Output = Output.TABLE

    async def run(self, session: Session) -> int:
        namespace, selector = session.namespace, incident_selector(self.key)
        pages = session.notifications.of_incidents(namespace, selector)
        events = events_of([obj async for page in pages for obj in page.items], self.key)
        if not events:
            raise CliError(
                f"there is no notification about incident {clean(self.key)!r} in namespace {namespace}"
            )
        state = STATES[events[-1].event]
        if not self.output.is_table:
            value = {"namespace": namespace, "key": self.key, "state": state, "events": plain(events)}
            names = "\n".join(resource_name(each.name) for each in events)
            document(session.screen, self.output, value, name=names, rows=value["events"])
            return ExitCode.OK
        session.screen.line((clean(self.key), "bold"), f"  {state}")
        Table(session.screen, COLUMNS).write([row for each in events for row in _rows(each)])
        return ExitCode.OK


def _rows(event: IncidentEvent) -> Iterator[list[Span | str]]:
    """Yield a row for each target; only the first one says which event it is."""
    head: list[Span | str] = [
        moment(event.created),
        event.event.value,
        event.name,
        (event.phase, STYLES.get(event.phase, "")),
    ]
    if not event.targets:
        yield [*head, "-", "-", "-"]
    for target in event.targets:
        state = (target.state, TARGET_STYLES.get(target.state, ""))
        yield [*head, target.name, state, target.detail or "-"]
        head = [""] * len(head)
