"""Shows and explains one notification."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from notification_cli.errors import CliError, ExitCode
from notification_cli.kube.catalog import known_receivers
from notification_cli.output import detail
from notification_cli.output.documents import document, resource_name
from notification_cli.views.explaining.explanation import explain
from notification_cli.views.format import Output
from notification_cli.views.plain import plain
from notification_cli.views.text import clean
from notification_cli.views.timeline import timeline
from notification_domain.error_text import readable
from notification_domain.json_values import mapping
from notification_domain.model import Notification, parse
from notification_domain.status import FINAL, phase_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from notification_cli.rules import Rules
    from notification_cli.session import Session
    from notification_cli.views.explaining.explanation import Explanation
    from notification_domain.routing import RoutingState


@dataclass(frozen=True, slots=True, kw_only=True)
class Single:
    """Which notification, and how to write it.

    Args:
        name: the notification.
        rules: where the routing rules are.
        home: the operator's namespace, whose receivers others may use.
        explains: whether to write why it goes where it goes, in place of what became of it.
        output: the format.
    """

    name: str
    rules: Rules
    home: str
    explains: bool = False
    output: Output = Output.TABLE

    async def run(self, session: Session) -> int:
        """Write the notification; the first lines, which need no further request, at once."""
        obj = await session.notifications.get(session.namespace, self.name)
        notification, now = read(obj), session.clock()
        if self.output.is_table:
            if self.explains:
                detail.title(session.screen, notification)
            else:
                replay_of = mapping(obj["spec"].get("replayOf")).get("name", "")
                detail.head(session.screen, notification, now, replay_of=replay_of)
        explanation, missing = await explained(
            session, notification, rules=self.rules, home=self.home, now=now
        )
        if self.output.is_table:
            self._table(session, notification, explanation, now)
        else:
            self._document(session, obj, notification, explanation, now)
        for each in missing:
            session.screen.note(each)
        return ExitCode.OK if explanation.route or not self.explains else ExitCode.NEGATIVE

    def _table(
        self, session: Session, notification: Notification, explanation: Explanation, now: datetime
    ) -> None:
        if self.explains:
            detail.why(session.screen, explanation, now=now)
        else:
            entries = timeline(notification, now=now)
            detail.show(session.screen, notification, explanation, entries, now=now)

    def _document(
        self,
        session: Session,
        obj: Mapping[str, Any],
        notification: Notification,
        explanation: Explanation,
        now: datetime,
    ) -> None:
        value = plain(explanation)
        if not self.explains:
            value = {
                "metadata": {"namespace": notification.namespace, "name": notification.name},
                "status": obj.get("status") or {},
                "route": plain(explanation.route),
                "targets": plain(explanation.targets),
                "receivers": plain(explanation.receivers),
                "timeline": plain(timeline(notification, now=now)),
            }
        document(session.screen, self.output, value, name=resource_name(self.name))


async def explained(
    session: Session, notification: Notification, *, rules: Rules, home: str, now: datetime
) -> tuple[Explanation, tuple[str, ...]]:
    """Return the explanation of a notification, and what could not be read for it."""
    # Only what names no targets, and is not over, can depend on the rules.
    state: RoutingState | None = None
    missing: tuple[str, ...] = ()
    if not notification.names_targets and notification.phase not in FINAL:
        state, where = await rules.load(session)
        missing = (where,) if state is None else ()
    known = await known_receivers(session.receivers, notification, state, home=home)
    return explain(notification, state, known, now=now), (*missing, *known.notes)


def read(obj: Mapping[str, Any]) -> Notification:
    """Return the notification of an object.

    Raises:
        CliError: the object is of a newer or broken form.
    """
    # The operator reads an unknown phase as none. To a person that would look like a notification that still waits.
    if phase_of(obj) is None:
        raise _unknown_form(obj, f"phase {obj['status']['phase']}")
    try:
        return parse(obj)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _unknown_form(obj, readable(error)) from None


def _unknown_form(obj: Mapping[str, Any], reason: str) -> CliError:
    name = obj["metadata"]["name"]
    return CliError(
        f"notification {name} has a form that this version of notif does not know ({clean(reason)}); "
        f"upgrade notif, or use kubectl get notif {name} -o yaml"
    )
