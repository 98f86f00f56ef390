"""What the events of one incident mean for each other (DD-INCIDENT-001). Pure.

An incident is what notifications with the same namespace and `spec.dedupKey` report. Each of them is an event: a
Trigger, an Acknowledge or a Resolve. They are decided on one by one, so an event that waits or is repeated may be
outdated by a younger one, or come before an older one that is still under way.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from notification_contract.kinds.choices import LifecycleEvent, TargetReason, TargetState
from notification_contract.kinds.target import MAX_TARGETS
from notification_domain.planning.hold import Hold, HoldReason
from notification_domain.status import FINAL, Reason

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from notification_domain.attempt import Attempt
    from notification_domain.key import Key
    from notification_domain.model import Notification
    from notification_domain.receivers.targets import TargetRules
    from notification_domain.routing import Route
    from notification_domain.status import TargetStatus

MAX_SHARED: Final = 256
"""Stages of ended events that are shared."""
LATE_AFTER: Final = timedelta(seconds=5)
"""An event that is not attempted so long after its creation is late: it may report what is over."""
TRIGGER, ACKNOWLEDGE, RESOLVE = LifecycleEvent.TRIGGER, LifecycleEvent.ACKNOWLEDGE, LifecycleEvent.RESOLVE
RANK: Final = {TRIGGER: 0, ACKNOWLEDGE: 1, RESOLVE: 2}
"""The order of events with the same creation time, which has whole seconds."""
NEVER_BEGUN: Final = frozenset({Reason.MUTED, Reason.RATE_LIMITED})
"""Reasons of suppressions that are decided before a first attempt."""
NOT_CALLED: Final = frozenset(
    {
        TargetReason.CHANNEL_NOT_ALLOWED,
        TargetReason.RECEIVER_NOT_ALLOWED,
        TargetReason.NO_DEFAULT_RECEIVER,
    }
)
"""Reasons of the operator itself for an attempt that calls nothing."""
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
class SentMessage:
    """A message of an incident at a receiver."""

    first: str
    """What the receiver calls the first message of its thread: this one, or the one that it refers to."""
    receiver_revision: str
    """What the receiver was when it accepted the message."""
    created: datetime
    """When its notification was created."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """How far an event is at one target."""

    open: bool = False
    """Whether an attempt is running, or another one may follow."""
    begun: bool = False
    """Whether an attempt was begun: the message may have arrived."""
    refused: bool = False
    """Whether every attempt that ended was certainly refused; without `begun`, the message is held after that."""
    delivered: bool = False
    suppressed: str = ""
    """The reason for which nothing is sent, or nothing more."""
    running: bool = False
    """Whether an attempt is running."""
    message: SentMessage | None = None
    """What the receiver accepted, if it has named the message."""

    @property
    def may_have_it(self) -> bool:
        """Whether the message arrived, or may have arrived, by an attempt that is known."""
        return self.begun and (self.running or not self.refused)


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
    noted: float = 0.0
    """When this process noted it last, by the same clock."""
    witnessed: bool = False
    """Whether this process has decided on it since its creation, so that no other one can have begun an attempt."""
    replay: bool = False
    """Whether it sends an older event again: it reports nothing new, so it outdates nothing."""

    @property
    def order(self) -> tuple[datetime, int, str]:
        """The place in the incident: events are sorted by it."""
        return self.created, RANK[self.kind], self.key.uid

    @property
    def over(self) -> bool:
        """Whether nothing is sent any more, although that may not be recorded yet."""
        over = [each.delivered or not each.open for each in self.stages.values()]
        return self.ended or (self.routed and bool(over) and all(over))

    def at(self, target: str) -> Stage:
        """Return how far it is at a target."""
        stage = self.stages.get(target, NOWHERE if self.routed else UNKNOWN)
        # An attempt of a deleted notification goes on, and its message may still arrive.
        ended = self.ended and stage.open and not stage.running
        return replace(stage, open=False) if ended else stage

    def after(self, target: str, attempt: Attempt | None) -> Event:
        """Return the event after the end of an attempt, whether it is recorded or not; None if that has no result."""
        stage = replace(self.stages.get(target, UNKNOWN), running=False)
        if attempt is not None:
            stage = replace(
                stage,
                begun=stage.begun or not attempt.circuit_open,
                refused=_refused(stage, attempt),
                delivered=stage.delivered or attempt.succeeded,
                message=_message(attempt, self.created) or stage.message,
            )
        return replace(self, stages={**self.stages, target: stage})

    def compact(self) -> Event:
        """Return an ended event with what is still needed of it; equal stages of events are one object."""
        if any(stage.running for stage in self.stages.values()):
            return self
        known = any(stage.message for stage in self.stages.values())
        stages = self.stages if known else _shared(tuple(self.stages.items()))
        return replace(self, key=self.key._replace(name=""), stages=stages, noted=0.0)


@lru_cache(maxsize=MAX_SHARED)
def _shared(stages: tuple[tuple[str, Stage], ...]) -> Mapping[str, Stage]:
    return dict(stages)


def event_of(  # noqa: PLR0913 - what is known of it
    key: Key,
    notification: Notification,
    running: Collection[str] = (),
    finished: Iterable[Attempt] = (),
    *,
    seen: float,
    noted: float = 0.0,
    witnessed: bool = False,
) -> Event:
    """Return the event of a notification; its status does not show the attempts that are running, or finished but not recorded."""
    refusals = Counter(each.channel for each in notification.attempts if each.refused)
    stages = {each.name: _stage(each, refusals[each.name]) for each in notification.status.targets}
    for attempt in notification.attempts:
        message = _message(attempt, notification.created)
        if message and attempt.channel in stages:
            stages[attempt.channel] = replace(stages[attempt.channel], message=message)
    event = Event(
        key=key,
        kind=notification.content.event,
        created=notification.created,
        stages=stages,
        routed=bool(notification.status.targets),
        ended=notification.phase in FINAL or notification.deleted,
        seen=seen,
        noted=noted,
        witnessed=witnessed,
        replay=notification.replay,
    )
    for attempt in finished:
        event = event.after(attempt.channel, attempt)
    # The next attempt may run before the one before it is recorded.
    stages = dict(event.stages)
    for target in running:
        stage = stages.get(target, UNKNOWN)
        refused = stage.refused or not stage.begun
        stages[target] = replace(stage, begun=True, refused=refused, running=True)
    return replace(event, stages=stages)


def _stage(target: TargetStatus, refusals: int) -> Stage:
    """Return how far an event is at a target by its status, which counts no refusal after which the message is held."""
    called = target.attempts - (target.reason in NOT_CALLED)
    delivered = target.state is TargetState.DELIVERED
    return Stage(
        open=target.state in {TargetState.WAITING, TargetState.DELIVERING},
        begun=called > 0 or delivered,
        refused=0 < refusals >= called and not delivered,
        delivered=delivered,
        suppressed=target.suppressed_by,
    )


def _refused(stage: Stage, attempt: Attempt) -> bool:
    """Return whether every attempt was certainly refused, after one more; a breaker's rejection is none."""
    if attempt.circuit_open and not attempt.refused:
        return stage.refused
    return attempt.refused and (stage.refused or not stage.begun)


def _message(attempt: Attempt, created: datetime) -> SentMessage | None:
    """Return what the receiver accepted of a notification, if it has named the message."""
    if not (attempt.succeeded and attempt.message_ref):
        return None
    return SentMessage(
        first=attempt.thread_ref or attempt.message_ref,
        receiver_revision=attempt.receiver_revision,
        created=created,
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
        """Whether the decision on the event needs no other event: the first attempt of a Trigger that is not late."""
        return self.own.kind is TRIGGER and self.own.witnessed and not self.is_late(self.own)

    def decide(self, target: str, *, patience: timedelta, threads: bool = False) -> Reason | Hold | None:
        """Decide on the next attempt at a target that has none running.

        Args:
            target: its key.
            patience: how long the event waits for an older one there.
            threads: whether the target keeps the messages of an incident together.

        Returns:
            the reason for which nothing is sent to the target any more; a hold, for what has to end before; None for neither.
        """
        begun = self.own.at(target).begun
        outdated = self.outdated(target, tried=self.tried(target))
        if outdated is not None:
            return outdated
        awaited = () if begun else self.awaited(target)
        left = patience - self._known_for(self.own)
        if awaited and left > timedelta():
            # An older event without an attempt is decided on again when it is late.
            late = (LATE_AFTER - self._age(each) for each in awaited if not each.at(target).begun)
            wait = min((each for each in late if each > timedelta()), default=left)
            return Hold(until=self.now + min(wait, left), reason=HoldReason.INCIDENT)
        thread = self._thread_begins(target, patience) if threads else timedelta()
        if thread > timedelta():
            return Hold(until=self.now + thread, reason=HoldReason.THREAD)
        return None if begun or awaited else self._withheld(target)

    def outdated(self, target: str, *, tried: bool) -> Reason | None:
        """Return why nothing more of the event is sent to a target; `tried` tells whether it had an attempt there."""
        return self._outdated(target, late=tried or self.is_late(self.own))

    def tried(self, target: str) -> bool:
        """Return whether the event had an attempt at a target, also one that was refused and does not count."""
        stage = self.own.at(target)
        return stage.begun or stage.refused

    def is_late(self, event: Event) -> bool:
        """Return whether an event without an attempt may report what is over."""
        return self._age(event) >= LATE_AFTER

    def awaited(self, target: str) -> Sequence[Event]:
        """Return the older events that have to end at a target before this one goes there."""
        return [each for each in self.older if each.kind in AWAITED[self.own.kind] and each.at(target).open]

    def is_concerned_by(self, event: Event) -> bool:
        """Return whether another event that is new, or whose targets are new, changes what was decided on the own one.

        A new hold does not: it counts when the own one is due.
        """
        if not (self.own.routed and event.witnessed):
            return True
        holds = event.kind in AWAITED[self.own.kind] and event.order < self.own.order
        return any(
            (holds and not event.at(target).open) or self.outdated(target, tried=self.tried(target))
            for target, stage in self.own.stages.items()
            if stage.open and not stage.running
        )

    def messages(self, target: str) -> Sequence[SentMessage]:
        """Return the messages at a target that report the same as this event, the oldest first.

        A Trigger after a Resolve that arrived there reports the incident again.
        """
        messages = (event.at(target).message for event in self._same_report(target))
        return [message for message in messages if message is not None]

    @property
    def reached(self) -> Mapping[str, bool]:
        """The targets where a Trigger may have arrived that no Resolve has followed; empty for a Trigger.

        The value is True where a known attempt may have arrived, and False where each was certainly refused, or where only a
        process that died may have begun one.
        """
        reached: dict[str, bool] = {}
        for number, event in enumerate(self.older if self.own.kind is not TRIGGER else (), 1):
            if event.kind is TRIGGER:
                later = self.older[number:]
                for target, stage in event.stages.items():
                    if _may_have_arrived(event, stage) and not _resolved_at(target, later):
                        reached[target] = reached.get(target, False) or stage.may_have_it
        return reached

    @property
    def may_be_anywhere(self) -> bool:
        """Whether the targets of a Trigger are not known, although a process that died may have begun its attempts."""
        return any(
            each.kind is TRIGGER and not (each.routed or each.witnessed or each.ended) for each in self.older
        )

    def _same_report(self, target: str) -> Sequence[Event]:
        """Return the events since the incident was reported last, as far as the target knows, until it is reported again."""
        found: list[Event] = []
        resolved = False
        for event in (*self.older, self.own, *self.younger):
            if resolved and event.kind is TRIGGER:
                if event.order > self.own.order:
                    break
                found, resolved = [], False
            resolved = resolved or (event.kind is RESOLVE and event.at(target).delivered)
            found.append(event)
        return found

    def _thread_begins(self, target: str, patience: timedelta) -> timedelta:
        """Return how long another event may take that is being sent to a target without a message: it begins the thread."""
        report = [(event, event.at(target)) for event in self._same_report(target)]
        if any(stage.message for _, stage in report):
            return timedelta()
        running = (event for event, stage in report if stage.running)
        left = (patience - timedelta(seconds=self.seconds - event.noted) for event in running)
        return max(left, default=timedelta())

    def _age(self, event: Event) -> timedelta:
        return max(self.now - event.created, self._known_for(event))

    def _known_for(self, event: Event) -> timedelta:
        return timedelta(seconds=self.seconds - event.seen)

    def _outdated(self, target: str, *, late: bool) -> Reason | None:
        """Return why the event is not sent any more.

        An event that is not late only gives way to what was sent before it, and to a Resolve that goes nowhere else any more.
        """
        kind = self.own.kind
        younger = {
            each.kind
            for each in self.younger
            if not each.replay and (late or each.at(target).begun or (each.kind is RESOLVE and each.over))
        }
        if kind is ACKNOWLEDGE and self._is_resolved:
            return Reason.INCIDENT_RESOLVED
        if kind is not RESOLVE and RESOLVE in younger:
            return Reason.INCIDENT_RESOLVED
        if kind is not TRIGGER and TRIGGER in younger:
            return Reason.INCIDENT_REOPENED
        return None

    @property
    def _is_resolved(self) -> bool:
        """Whether the latest event before this one, other than an Acknowledge, is a Resolve.

        A replayed Trigger counts, because it opens the incident where it arrives; a replayed Resolve does not.
        """
        kinds = [
            each.kind
            for each in self.older
            if each.kind is TRIGGER or (each.kind is RESOLVE and not each.replay)
        ]
        return kinds[-1:] == [RESOLVE]

    def _withheld(self, target: str) -> Reason | None:
        """Return why a target gets no Resolve and no Acknowledge: it certainly never got the Trigger."""
        triggers = [each for each in self.older if each.kind is TRIGGER and target in each.stages]
        if self.own.kind is TRIGGER or not triggers or target in self.reached:
            return None
        latest = triggers[-1]
        stage = latest.at(target)
        certain = stage.suppressed in NEVER_BEGUN or (stage.suppressed in WITHHELD and latest.witnessed)
        return Reason(stage.suppressed) if certain and not stage.begun else None


def widened(route: Route, reached: Mapping[str, bool], rules: Mapping[str, TargetRules]) -> Route:
    """Return the route of an event that also goes where its Trigger went: to these targets, by these rules, never muted.

    Where an attempt of the Trigger may have arrived, the fallback of the target also gets the event, and never instead: what was
    reported there ends nowhere else.
    """
    if not reached or route.refusal:
        return route
    targets = tuple(dict.fromkeys((*route.targets, *reached)))[:MAX_TARGETS]
    heard = {
        target: replace(each, muted=False, owed=owed)
        for target, owed in reached.items()
        if (each := route.rules.get(target) or rules.get(target)) is not None
    }
    return replace(route, targets=targets, rules={**rules, **route.rules, **heard})


def _may_have_arrived(event: Event, stage: Stage) -> bool:
    """Return whether an event may have reached a target: a process that died may have begun an attempt that is not recorded."""
    in_doubt = stage.open or stage.suppressed in WITHHELD
    return stage.begun or (in_doubt and not event.witnessed)


def _resolved_at(target: str, events: Iterable[Event]) -> bool:
    """Return whether a Resolve has arrived at a target; one that is sent again may have come before these events."""
    return any(each.kind is RESOLVE and not each.replay and each.at(target).delivered for each in events)
