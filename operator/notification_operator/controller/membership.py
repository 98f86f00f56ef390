"""What one reconciliation of a notification has to do with its incident: nothing without `dedupKey` (DD-INCIDENT-001)."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from notification_domain.status import FINAL, Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from notification_domain.incident import SentMessage
    from notification_domain.model import Notification
    from notification_domain.planning.hold import Hold
    from notification_domain.planning.progress import Progress
    from notification_domain.situation import Situation
    from notification_domain.status import Status
    from notification_operator.controller.incidents import Incidents
    from notification_operator.controller.reconciliation import Reconciliation
    from notification_operator.endpoints.targets import Targets

NO_DECISIONS: Final[Mapping[str, Reason | Hold]] = MappingProxyType({})


class NoMembership:
    """Of a notification without `dedupKey`, which is decided on by itself."""

    def __init__(self, reconciliation: Reconciliation) -> None:
        self._reconciliation = reconciliation

    async def join(self, targets: Callable[[], Targets]) -> None:
        """Find out about the other notifications of the incident, and where this one goes because of them.

        `targets` returns those of the notification as it was read.
        """

    def widen(self) -> None:
        """Let the notification go wherever its incident was reported, also by an attempt that began since it was read."""

    def note(self, notification: Notification) -> None:
        """Let the other notifications of the incident know how far this one is."""

    def note_decision(self, notification: Notification, status: Status) -> None:
        """Let them know of a status that is about to be written."""

    def decide(
        self,
        situation: Situation,  # noqa: ARG002 - a membership asks these
        steps: Sequence[Progress],  # noqa: ARG002
        targets: Targets,  # noqa: ARG002
    ) -> Mapping[str, Reason | Hold]:
        """Return what the incident decides on the targets that remain: what is outdated ends, whether it is due or not."""
        return NO_DECISIONS

    def earlier_messages(self) -> Callable[[str], Sequence[SentMessage]]:
        """Return what tells the earlier messages of the incident at a target."""
        return lambda _target: ()

    def may_call(self) -> Callable[[str], Callable[[], bool]]:
        """Return what makes the last question of an attempt at a target, before its call begins."""
        may_call = self._reconciliation.may_call()
        return lambda _target: may_call


class Membership(NoMembership):
    """Of a notification with `dedupKey`."""

    def __init__(self, reconciliation: Reconciliation, incidents: Incidents) -> None:
        super().__init__(reconciliation)
        self._incidents = incidents
        self._key = reconciliation.request.key

    async def join(self, targets: Callable[[], Targets]) -> None:
        reconciliation = self._reconciliation
        self.note(reconciliation.notification)
        if self._has_to_fetch(targets):
            dedup_key = reconciliation.notification.content.dedup_key
            listing = self._incidents.fetch(self._key, dedup_key, reconciliation.version)
            await reconciliation.without_object(listing)
            reconciliation.note = self._incidents.doubt(self._key, reconciliation.notification)
            self.note(reconciliation.notification)
        self.widen()

    def _has_to_fetch(self, targets: Callable[[], Targets]) -> bool:
        """Return whether the incident has to be listed before the next attempts are decided on."""
        notification, route = self._reconciliation.notification, self._reconciliation.route
        if notification.phase in FINAL:
            return False
        return self._incidents.has_to_fetch(
            self._key, notification, threads=lambda: any(map(targets().keeps_threads, route.targets))
        )

    def widen(self) -> None:
        reconciliation, notification = self._reconciliation, self._reconciliation.notification
        if notification.phase not in FINAL:
            own = reconciliation.route.targets
            reconciliation.widen(self._incidents.reached(self._key, notification, own))

    def note(self, notification: Notification) -> None:
        running, finished = self._reconciliation.running, self._reconciliation.finished
        self._incidents.note(self._key, notification, running, finished)

    def note_decision(self, notification: Notification, status: Status) -> None:
        self.note(replace(notification, status=status))

    def decide(
        self, situation: Situation, steps: Sequence[Progress], targets: Targets
    ) -> Mapping[str, Reason | Hold]:
        known = situation.notification
        if known.too_large or situation.route.refusal:
            return NO_DECISIONS
        remaining = {
            step.channel: targets.seconds(step.channel)
            for step in steps
            if step.open and step.channel not in situation.running
        }
        threads = [target for target in remaining if targets.keeps_threads(target)]
        return self._incidents.decide(self._key, known, remaining, threads=threads)

    def earlier_messages(self) -> Callable[[str], Sequence[SentMessage]]:
        return self._incidents.of(self._key, self._reconciliation.notification).messages

    def may_call(self) -> Callable[[str], Callable[[], bool]]:
        key, notification = self._key, self._reconciliation.notification
        reconciliation, incidents = self._reconciliation, self._incidents
        return lambda target: reconciliation.may_call(incidents.outdates(key, notification, target))
