"""Shows the events of one incident, and what each target got."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from notification_cli.errors import CliError, ExitCode
from notification_cli.kube.resources import Selection
from notification_cli.output.detail import STATES as TARGET_STYLES
from notification_cli.output.documents import document, resource_name
from notification_cli.output.table import Column, Table
from notification_cli.views.format import Output
from notification_cli.views.incidents import STATES, events_of, incident_of
from notification_cli.views.plain import plain
from notification_cli.views.rows import STYLES
from notification_cli.views.text import clean, moment
from notification_domain.incident import incident_selector

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

MOST_KEYS: Final = 5
"""Keys of incidents that an error names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowingIncident:
    """Which incident; `key` is the `spec.dedupKey` of its notifications."""

    key: str
    output: Output = Output.TABLE

    async def run(self, session: Session) -> int:
        namespace, key = session.namespace, self.key
        pages = session.notifications.of_incidents(namespace, incident_selector(key))
        events = events_of([obj async for page in pages for obj in page.items], key)
        if not events:
            key, events = await self._beginning(session)
        state = STATES[events[-1].event]
        if not self.output.is_table:
            value = {"namespace": namespace, "key": key, "state": state, "events": plain(events)}
            names = "\n".join(resource_name(each.name) for each in events)
            document(session.screen, self.output, value, name=names)
            return ExitCode.OK
        session.screen.line((clean(key), "bold"), f"  {state}")
        Table(session.screen, COLUMNS).write([row for each in events for row in _rows(each)])
        return ExitCode.OK

    async def _beginning(self, session: Session) -> tuple[str, tuple[IncidentEvent, ...]]:
        """Return the only incident whose key begins so, with its events."""
        pages = session.notifications.pages(Selection(namespace=session.namespace))
        objects = [obj async for page in pages for obj in page.items]
        incidents = (incident_of(obj) for obj in objects)
        keys = sorted({each.key for each in incidents if each is not None and each.key.startswith(self.key)})
        match keys:
            case [key]:
                return key, events_of(objects, key)
            case []:
                raise CliError(
                    f"there is no notification about incident {clean(self.key)!r} in namespace {session.namespace}"
                )
            case _:
                shown = ", ".join(map(clean, keys[:MOST_KEYS])) + (", …" if keys[MOST_KEYS:] else "")
                raise CliError(
                    f"{len(keys)} incidents begin with {clean(self.key)!r}: {shown}; write more of KEY"
                )


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
