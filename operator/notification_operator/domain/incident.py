"""What the events of one incident mean for each other (DD-INCIDENT-001). Pure.

An incident is what notifications with the same namespace and `spec.dedupKey` report. Each of them is an event: a
Trigger, an Acknowledge or a Resolve. They are decided on one by one, so an event that waits or is repeated may be
outdated by a younger one, or come before an older one that is still under way.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from notification_contract.kinds.choices import LifecycleEvent, TargetState
from notification_contract.kinds.target import MAX_TARGETS
from notification_operator.domain.planning.hold import Hold, HoldReason
from notification_operator.domain.status import FINAL, Reason

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from notification_operator.domain.key import Key
    from notification_operator.domain.model import Notification
    from notification_operator.domain.receivers.targets import TargetRules
    from notification_operator.domain.routing import Route

LATE_AFTER: Final = timedelta(seconds=5)
"""An event that is not attempted so long after its creation is late: it may report what is over."""
TRIGGER, ACKNOWLEDGE, RESOLVE = LifecycleEvent.TRIGGER, LifecycleEvent.ACKNOWLEDGE, LifecycleEvent.RESOLVE
RANK: Final = {TRIGGER: 0, ACKNOWLEDGE: 1, RESOLVE: 2}
"""The order of events with the same creation time, which has whole seconds."""
NEVER_BEGUN: Final = frozenset({Reason.MUTED, Reason.RATE_LIMITED})
"""Reasons of suppressions that are decided before a first attempt."""
WITHHELD: Final = frozenset({Reason.INCIDENT_RESOLVED, Reason.DELIVERED_BY_FALLBACK})
"""Reasons of suppressions that may follow attempts."""
AWAITED: Final = {
    TRIGGER: frozenset({RESOLVE}),
    ACKNOWLEDGE: frozenset({TRIGGER}),
    RESOLVE: frozenset({TRIGGER, ACKNOWLEDGE}),
}
"""The kinds of older events that an event waits for."""
CONCERNS: Final = {
    TRIGGER: frozenset({ACKNOWLEDGE, RESOLVE}),
    ACKNOWLEDGE: frozenset({RESOLVE}),
    RESOLVE: frozenset({TRIGGER, ACKNOWLEDGE}),
}
"""The kinds of events that may be decided on otherwise when an event comes, or ends at a target."""


def incident_selector(dedup_key: str) -> str:
    """Return the field selector of an incident within its namespace."""
    escaped = re.sub(r"([\\,=])", r"\\\1", dedup_key)
    return f"spec.dedupKey={escaped}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """How far an event is at one target."""

    open: bool = False
    """Whether an attempt is running, or another one may follow."""
    begun: bool = False
    """Whether an attempt was begun: the message may have arrived."""
    delivered: bool = False
    suppressed: str = ""
    """The reason for which nothing is sent, or nothing more."""


UNKNOWN: Final = Stage(open=True)
"""The stage at a target of which it is not known whether an event goes there."""
NOWHERE: Final = Stage()


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event of an incident, as far as is known."""

    key: Key
    kind: LifecycleEvent
    created: datetime
    """In whole seconds."""
    stages: Mapping[str, Stage] = field(default_factory=dict)
    """By target, as far as is known."""
    routed: bool = True
    """Whether the targets are known: those without a stage get nothing of it."""
    ended: bool = False
    """Whether nothing is sent any more: the notification is final, or deleted."""
    seen: float = 0.0
    """When this process noted it first, in seconds by a clock that is never set."""
    witnessed: bool = False
    """Whether this process has decided on it since its creation, so that no other one can have begun an attempt."""

    @property
    def order(self) -> tuple[datetime, int, str]:
        """The place in the incident: events are sorted by it."""
        return self.created, RANK[self.kind], self.key.uid

    def at(self, target: str) -> Stage:
        """Return how far it is at a target."""
        stage = self.stages.get(target, NOWHERE if self.routed else UNKNOWN)
        return replace(stage, open=False) if self.ended and stage.open else stage


def event_of(
    key: Key,
    notification: Notification,
    begun: Collection[str] = (),
    *,
    seen: float,
    witnessed: bool = False,
) -> Event:
    """Return the event of a notification; `begun` are the targets with attempts that its status does not show."""
    stages = {
        each.name: Stage(
            open=each.state in {TargetState.WAITING, TargetState.DELIVERING},
            begun=bool(each.attempts) or each.state is TargetState.DELIVERED,
            delivered=each.state is TargetState.DELIVERED,
            suppressed=each.suppressed_by,
        )
        for each in notification.status.targets
    }
    for target in begun:
        stages[target] = replace(stages.get(target, UNKNOWN), begun=True)
    return Event(
        key=key,
        kind=notification.content.event,
        created=notification.created,
        stages=stages,
        routed=bool(notification.status.targets),
        ended=notification.phase in FINAL or notification.deleted,
        seen=seen,
        witnessed=witnessed,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """An incident, as one of its events sees it."""

    own: Event
    older: Sequence[Event] = ()
    """The events before it, the oldest first."""
    younger: Sequence[Event] = ()
    now: datetime
    """The time of the decision."""
    seconds: float
    """The same by the clock of `seen`. The wall clock may be behind by a day: nothing waits for what it says alone."""

    @property
    def begins(self) -> bool:
        """Whether the event needs no knowledge of others: the first attempt of a Trigger that is not late."""
        return self.own.kind is TRIGGER and self.own.witnessed and not self.is_late(self.own)

    def decide(self, target: str, *, patience: timedelta) -> Reason | Hold | None:
        """Decide on the next attempt at a target that has none running.

        Args:
            target: its key.
            patience: how long the event waits for an older one there.

        Returns:
            the reason for which nothing is sent to the target any more; a hold, for what has to end before; None for neither.
        """
        begun = self.own.at(target).begun
        outdated = self._outdated(target, late=begun or self.is_late(self.own))
        if outdated is not None or begun:
            return outdated
        awaited = self.awaited(target)
        if not awaited:
            return self._withheld(target)
        left = patience - self._known_for(self.own)
        if left <= timedelta():
            return None
        # An older event without an attempt is decided on again when it is late.
        late = (LATE_AFTER - self._age(each) for each in awaited if not each.at(target).begun)
        wait = min((each for each in late if each > timedelta()), default=left)
        return Hold(until=self.now + min(wait, left), reason=HoldReason.INCIDENT)

    def is_late(self, event: Event) -> bool:
        """Return whether an event without an attempt may report what is over."""
        return self._age(event) >= LATE_AFTER

    def awaited(self, target: str) -> Sequence[Event]:
        """Return the older events that have to end at a target before this one goes there."""
        return [each for each in self.older if each.kind in AWAITED[self.own.kind] and each.at(target).open]

    @property
    def reached(self) -> Sequence[str]:
        """The targets where a Trigger may have arrived that no Resolve has followed; empty for a Trigger."""
        if self.own.kind is TRIGGER:
            return ()
        return tuple(dict.fromkeys(self._reached()))

    def _age(self, event: Event) -> timedelta:
        return max(self.now - event.created, self._known_for(event))

    def _known_for(self, event: Event) -> timedelta:
        return timedelta(seconds=self.seconds - event.seen)

    def _outdated(self, target: str, *, late: bool) -> Reason | None:
        """Return why the event is not sent any more; an event that is not late only gives way to what was sent before it."""
        kind = self.own.kind
        younger = {each.kind for each in self.younger if late or each.at(target).begun}
        if kind is ACKNOWLEDGE and self._is_resolved:
            return Reason.INCIDENT_RESOLVED
        if kind is not RESOLVE and RESOLVE in younger:
            return Reason.INCIDENT_RESOLVED
        if kind is not TRIGGER and TRIGGER in younger:
            return Reason.INCIDENT_REOPENED
        return None

    @property
    def _is_resolved(self) -> bool:
        """Whether the latest event before this one, other than an Acknowledge, is a Resolve."""
        kinds = [each.kind for each in self.older if each.kind is not ACKNOWLEDGE]
        return kinds[-1:] == [RESOLVE]

    def _reached(self) -> Iterator[str]:
        for number, event in enumerate(self.older, 1):
            if event.kind is TRIGGER:
                later = self.older[number:]
                for target, stage in event.stages.items():
                    if stage.begun and not _resolved_at(target, later):
                        yield target

    def _withheld(self, target: str) -> Reason | None:
        """Return why a target gets no Resolve and no Acknowledge: it certainly never got the Trigger."""
        triggers = [each for each in self.older if each.kind is TRIGGER and target in each.stages]
        if self.own.kind is TRIGGER or not triggers or target in self.reached:
            return None
        latest = triggers[-1]
        stage = latest.at(target)
        certain = stage.suppressed in NEVER_BEGUN or (stage.suppressed in WITHHELD and latest.witnessed)
        return Reason(stage.suppressed) if certain and not stage.begun else None


def widened(route: Route, reached: Sequence[str], rules: Mapping[str, TargetRules]) -> Route:
    """Return the route of an event that also goes where its Trigger went: to these targets, by these rules, never muted.

    The fallback of such a target also gets the event, and never instead: what was reported there ends nowhere else.
    """
    if not reached or route.refusal:
        return route
    targets = tuple(dict.fromkeys((*route.targets, *reached)))[:MAX_TARGETS]
    heard = {
        target: replace(each, muted=False, owed=True)
        for target in reached
        if (each := route.rules.get(target) or rules.get(target)) is not None
    }
    return replace(route, targets=targets, rules={**rules, **route.rules, **heard})


def _resolved_at(target: str, events: Iterable[Event]) -> bool:
    return any(each.kind is RESOLVE and each.at(target).delivered for each in events)
