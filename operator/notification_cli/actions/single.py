"""Shows and explains one notification."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from notification_cli.errors import CliError, ExitCode
from notification_cli.options import Output
from notification_cli.output import detail
from notification_cli.output.documents import document, plain, resource_name
from notification_cli.views.explanation import explain
from notification_cli.views.text import clean
from notification_cli.views.timeline import timeline
from notification_operator.domain.model import Notification, parse
from notification_operator.domain.phases import FINAL
from notification_operator.domain.status import phase_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from notification_cli.rules import Rules
    from notification_cli.session import Session
    from notification_operator.domain.routing.state import RoutingState


@dataclass(frozen=True, slots=True, kw_only=True)
class Single:
    """Which notification, and how to write it."""

    name: str
    rules: Rules
    output: Output = Output.TABLE

    async def show(self, session: Session) -> int:
        """Write its state, its channels and its timeline."""
        obj = await session.notifications.get(session.namespace, self.name)
        notification, now = read(obj), session.clock()
        rules, missing = await self._load(session, notification)
        explanation, entries = explain(notification, rules, now=now), timeline(notification, now=now)
        if self.output is not Output.TABLE:
            value = {
                "metadata": {"namespace": notification.namespace, "name": notification.name},
                "status": obj.get("status") or {},
                "route": plain(explanation.route),
                "channels": plain(explanation.channels),
                "timeline": plain(entries),
            }
            document(session.screen, self.output, value, name=resource_name(self.name))
            return ExitCode.OK
        detail.show(session.screen, notification, explanation, entries, now=now)
        if missing:
            session.screen.note(missing)
        return ExitCode.OK

    async def why(self, session: Session) -> int:
        """Write why it goes where it goes, and what happens next."""
        notification, now = (
            read(await session.notifications.get(session.namespace, self.name)),
            session.clock(),
        )
        rules, missing = await self._load(session, notification)
        explanation = explain(notification, rules, now=now)
        if self.output is not Output.TABLE:
            document(session.screen, self.output, plain(explanation), name=resource_name(self.name))
        else:
            detail.why(session.screen, notification, explanation, now=now)
        if missing:
            session.screen.note(missing)
        return ExitCode.OK if explanation.route else ExitCode.NEGATIVE

    async def _load(self, session: Session, notification: Notification) -> tuple[RoutingState | None, str]:
        """Return the rules if they can matter, and a note if they cannot be read."""
        if notification.channels or notification.phase in FINAL:
            return None, ""
        rules, where = await self.rules.load(session)
        return rules, where if rules is None else ""


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
        raise _unknown_form(obj, f"{type(error).__name__}: {error}") from None


def _unknown_form(obj: Mapping[str, Any], reason: str) -> CliError:
    name = obj["metadata"]["name"]
    return CliError(
        f"notification {name} has a form that this version of notif does not know ({clean(reason)}); "
        f"upgrade notif, or use kubectl get notif {name} -o yaml"
    )
