"""The invariants about receivers: whom a process may call, and what it records about that."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import orjson

from notification_contract.kinds.choices import Phase, TargetReason, TargetState
from notification_domain.folding.outcome import DEAD_LETTERED
from notification_domain.model import parse
from notification_domain.receivers.targets import PLACEHOLDER, receiver_of
from notification_domain.status import FINAL, Reason
from tests.simulation.invariants import Invariants
from tests.simulation.receivers.api_objects import Kind, Place
from tests.simulation.receivers.specs import BY_PLACE, CHAT, DEFAULT_TYPE
from tests.simulation.record_invariants import FOREIGN
from tests.simulation.violations import CLOCK, require

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from collections.abc import Set as AbstractSet
    from datetime import datetime

    from notification_contract.kinds.receiver import ReceiverSpec
    from notification_domain.model import Attempt, Notification
    from notification_domain.status import TargetStatus
    from tests.simulation.channels import Call
    from tests.simulation.receivers.history import History
    from tests.simulation.receivers.seen import Seen
    from tests.simulation.status_store import Reconciliation

NOT_MADE: Final = frozenset(
    {Reason.RECEIVER_NOT_READY, Reason.RECEIVER_NOT_ALLOWED, Reason.NO_DEFAULT_RECEIVER}
)
"""Reasons of attempts that fail without a call."""
LONGEST_ATTEMPT: Final = 40.0
"""Seconds that an attempt takes at most, with its wait for a slot."""
UNAVAILABLE_SECONDS: Final = 60.0
"""After this time the fallback of a receiver joins that takes no message."""
OPEN: Final = frozenset({TargetState.WAITING, TargetState.DELIVERING})
FAILED: Final = frozenset({TargetState.REFUSED, TargetState.EXHAUSTED})
LOST: Final = FAILED | {TargetState.EXPIRED}
RESCUED: Final = TargetReason.DELIVERED_BY_FALLBACK


def place_of(target: str, namespace: str) -> Place | None:
    """Return the receiver of a target; None for a channel of the settings."""
    key = receiver_of(target, namespace)
    return None if key is None else Place(kind=Kind.RECEIVERS, namespace=key.namespace, name=key.name)


class ReceiverInvariants(Invariants):
    """Observes in addition what concerns receivers.

    Args:
        seen: returns what the watches of a process have reported.
        finished: returns the finished attempts of an object that a process has not recorded yet.
        clock: returns the time by the clock of a process.
        history: what the receivers have been.
    """

    def __init__(
        self,
        read: Callable[[str], Notification | None],
        *,
        seen: Callable[[str], Seen],
        finished: Callable[[str, str], Sequence[Attempt]],
        clock: Callable[[str], datetime],
        history: History,
    ) -> None:
        super().__init__(read, gaps=True)
        self._seen = seen
        self._finished = finished
        self._clock = clock
        self._history = history

    def call(self, call: Call, reconciliation: Reconciliation) -> None:
        """Check a call, by the reconciliation that started its attempt."""
        super().call(call, reconciliation)
        notification = parse(orjson.loads(reconciliation.truth)) if reconciliation.truth else None
        if notification is None or notification.uid != call.uid:
            return
        opens = notification.not_before
        early = opens is not None and call.wall < opens
        require(not early or call.number > 1, f"{call.id} is called before {opens}")
        rescued = {each.name for each in notification.status.targets if each.reason is RESCUED}
        require(call.channel not in rescued, f"{call.id} is called although its fallback has delivered it")
        place = place_of(call.channel, call.namespace)
        if place is not None:
            self._permitted(call, place, notification.content.priority)
            self._once(call, place)
            self._named(call, place, notification)

    def _permitted(self, call: Call, place: Place, priority: str) -> None:
        """Check that the process may call a receiver, as far as it knows."""
        seen = self._seen(call.who)
        spec = seen.spec(place)
        require(spec is not None, f"{call.id} is called although the receiver does not exist")
        assert spec is not None
        require(not spec.suspend, f"{call.id} is called although the receiver is suspended")
        require(
            seen.allows(place, spec, call.namespace),
            f"{call.id} is called although the receiver is not for namespace {call.namespace}",
        )
        muted = [each.priorities and priority not in each.priorities for each in seen.specs[place]]
        require(
            call.number > 1 or not all(muted),
            f"{call.id} is called although the receiver is not for priority {priority}",
        )
        if call.credential is not None:
            secret = seen.secret(BY_PLACE[place].secret)
            latest = None if secret is None else next(iter(secret.values()))
            require(call.credential == latest, f"{call.id} is called with {call.credential}, not {latest}")
        require(bool(call.address) == spec.addresses_people, f"{call.id} has the recipient {call.address!r}")

    def _once(self, call: Call, place: Place) -> None:
        """Check that a receiver gets a notification under one key."""
        for (uid, target), others in self.calls.items():
            if uid == call.uid and target != call.channel and place_of(target, call.namespace) == place:
                earlier = [
                    each.id
                    for each in others
                    if each.end in {"open", "success"} and not each.excused and each.address == call.address
                ]
                require(not earlier, f"{call.id} is called although {place} has got {earlier}")

    def _named(self, call: Call, place: Place, notification: Notification) -> None:
        """Check that the notification names a receiver, or that it is a fallback whose time has come.

        What is recorded as a target was one at its first call.
        """
        if place in {place_of(name, call.namespace) for name in notification.status.target_names}:
            return
        named = {
            Place(kind=Kind.RECEIVERS, namespace=key.namespace, name=key.name)
            for key in notification.receiver_refs
        }
        named |= {CHAT.place} if DEFAULT_TYPE in notification.channels else set()
        reached, waiting = set[Place](), list(named)
        while waiting:
            each = waiting.pop()
            if each not in reached:
                reached.add(each)
                waiting += self._joining(call, each, notification)
        require(place in reached, f"{call.id} is called although no target needs its fallback")

    def _joining(self, call: Call, place: Place, notification: Notification) -> Iterable[Place]:
        """Yield the receivers that may join because this one has failed, or takes too long."""
        specs = self._seen(call.who).specs[place]
        attempts = (*notification.attempts, *self._finished(call.who, call.uid))
        failed = self._failed_for_good(place, attempts, notification, specs)
        for spec in specs:
            if spec.fallback is not None:
                after = spec.fallback.after_seconds
                earliest = None if after is None else min(after, UNAVAILABLE_SECONDS)
                waited = earliest is not None and _overdue(notification, earliest) <= call.wall
                if waited or failed:
                    yield _fallback(place, spec)

    def _failed_for_good(
        self,
        place: Place,
        attempts: Iterable[Attempt],
        notification: Notification,
        specs: Iterable[ReceiverSpec],
    ) -> bool:
        """Return whether a target of a receiver has no attempt left."""
        own = {each.key: each for each in attempts if place_of(each.channel, notification.namespace) == place}
        caps = [each.retry_policy.max_attempts for each in specs if each.retry_policy]
        most = min((notification.retry.max_attempts, *caps))
        counted = Counter(each.channel for each in own.values() if not each.circuit_open)
        refused = any(each.permanent for each in own.values())
        return refused or any(count >= most for count in counted.values())

    def _most_attempts(self, call: Call, seen: Notification) -> int:
        """Return the smaller of both limits.

        As long as an attempt of the notification is running, its others follow the spec that was in force when that
        started: the largest limit that the process has seen counts, and none just after it has seen the first one.
        """
        place, known = place_of(call.channel, call.namespace), self._seen(call.who)
        if place is None or call.at - known.first.get(place, call.at) < LONGEST_ATTEMPT:
            return seen.retry.max_attempts
        caps = [each.retry_policy.max_attempts if each.retry_policy else None for each in known.specs[place]]
        limits = [seen.retry.max_attempts if each is None else each for each in caps]
        return min(seen.retry.max_attempts, max(limits))

    def _was_made(self, attempt: Attempt) -> bool:
        """Return whether a record says that the channel was called."""
        return super()._was_made(attempt) and attempt.reason not in NOT_MADE

    def _failed(self, new: Notification) -> set[str]:
        """Return the targets whose attempts count as failed, unless they have succeeded."""
        return super()._failed(new) & set(new.status.target_names)

    def write(self, before: dict[str, Any], after: dict[str, Any], who: str) -> None:
        """Check a status write."""
        super().write(before, after, who)
        new = parse(after)
        for target in new.status.targets:
            attempts = [each for each in new.attempts if each.channel == target.name]
            calls = sum(not each.circuit_open for each in attempts)
            require(target.attempts == calls, f"{new.name}: the attempts of {target.name} are wrong")
            if target.state is TargetState.SUPPRESSED:
                reached = [
                    each.id for each in self.calls[new.uid, target.name] if not (each.excused or each.held)
                ]
                if target.suppressed_by == Reason.DELETED:
                    require(new.deleted, f"{target.name} is suppressed by a deletion that never was")
                elif target.suppressed_by != Reason.DELIVERED_BY_FALLBACK:
                    require(not (attempts or reached), f"{target.name} is suppressed after {reached}")
            if who != FOREIGN and target.state is TargetState.WAITING:
                require(target.reason is not None, f"{target.name} does not say what it waits for")
            if who != FOREIGN and self.clocks_agree and target.state in OPEN:
                self._fallback_due(new, target.name, self._clock(who))
        if who != FOREIGN:
            self._joined_stay(parse(before), new)
            self._rescued(parse(before), new, who)
        for attempt in new.attempts:
            self._held(new, attempt)

    def _joined_stay(self, old: Notification, new: Notification) -> None:
        """Check that no target of the status is lost, except for one whose receiver is known now."""
        left = set(old.status.target_names) - set(new.status.target_names)
        gone = {name for name in left if not name.startswith(PLACEHOLDER)}
        require(not gone, f"{new.name}: the targets {gone} are lost")

    def _rescued(self, old: Notification, new: Notification, who: str) -> None:
        """Check that what is rescued was delivered by a fallback, stays so, and is no loss."""
        before = {each.name for each in old.status.targets if each.reason is RESCUED}
        rescued = {each.name for each in new.status.targets if each.reason is RESCUED}
        # A receiver that is known now has another key, and gets the message too if its fallback says so.
        lost = {
            each
            for each in before - rescued
            if each in new.status.target_names or not each.startswith(PLACEHOLDER)
        }
        require(not lost, f"{new.name}: {lost} were delivered by a fallback before")
        for target in rescued - before:
            place = place_of(target, new.namespace)
            assert place is not None
            fallbacks = {
                _fallback(place, spec) for spec in self._seen(who).specs[place] if spec.fallback is not None
            }
            delivered = any(self._has_delivered(new, fallback, rescued) for fallback in fallbacks)
            require(delivered, f"{new.name}: no fallback of {target} has delivered it")
        lost = {each.name for each in new.status.targets if each.state in LOST} - rescued
        if rescued and new.phase in FINAL and not lost and new.status.reason != Reason.TOO_LARGE:
            outcome = new.phase, new.status.reason
            require(outcome == (Phase.SENT, Reason.DELIVERED_BY_FALLBACK), f"{new.name} ends as {outcome}")
            require(new.status.condition(DEAD_LETTERED) is None, f"{new.name} is delivered and a dead letter")

    @staticmethod
    def _has_delivered(new: Notification, fallback: Place, rescued: AbstractSet[str]) -> bool:
        """Return whether all targets of a fallback have got the message, or their own fallback has."""
        targets = [each for each in new.status.targets if place_of(each.name, new.namespace) == fallback]
        done = [each.state is TargetState.DELIVERED or each.name in rescued for each in targets]
        return bool(done) and all(done)

    def _held(self, notification: Notification, attempt: Attempt) -> None:
        """Check that a receiver that lets messages wait uses up no attempt while it accepts none."""
        if attempt.succeeded or attempt.circuit_open:
            return
        place = place_of(attempt.channel, notification.namespace)
        if place is None or not self._history.always_holds(place):
            return
        subject = f"{notification.name}: attempt {attempt.number} on {attempt.channel}"
        require(attempt.reason != Reason.RECEIVER_NOT_READY, f"{subject} is used up by a receiver that holds")
        if not self._was_made(attempt):
            return
        calls = [
            each for each in self.calls[notification.uid, attempt.channel] if each.number == attempt.number
        ]
        # Calls of one number, because an earlier one used up no attempt: the record is of one of them.
        recorded = [each for each in calls if each.wall == attempt.timestamp]
        ends = {each.end for each in recorded or calls}
        require(ends != {"unauthorized"}, f"{subject} is used up by a receiver that holds")

    def end(self, notifications: Iterable[Notification]) -> None:
        """Check the notifications after everything has ended."""
        notifications = list(notifications)
        super().end(notifications)
        for notification in notifications:
            for target in notification.status.targets:
                self._fallback_joins(notification, target.name, target.state)
                self._fallback_rescues(notification, target)

    def _fallback_joins(self, notification: Notification, target: str, state: TargetState) -> None:
        """Check that the fallback of a target joins if it has failed for good."""
        if state in FAILED and not notification.deleted:
            fallback, _ = self._declared_fallback(notification, target)
            joined = {place_of(name, notification.namespace) for name in notification.status.target_names}
            known = fallback is None or fallback in joined
            require(known, f"{notification.name}: the fallback of {target} never joins: {state}")

    def _fallback_rescues(self, notification: Notification, target: TargetStatus) -> None:
        """Check that a target that has failed is no loss if its fallback has delivered the message."""
        if target.state in FAILED and target.reason is not RESCUED and not notification.too_large:
            fallback, _ = self._declared_fallback(notification, target.name)
            lost = fallback is None or not self._has_delivered(notification, fallback, frozenset())
            require(lost, f"{notification.name}: the fallback of {target.name} rescues nothing")

    def _fallback_due(self, new: Notification, target: str, now: datetime) -> None:
        """Check that an open target looks for its fallback in time."""
        _, after = self._declared_fallback(new, target)
        if after is None or now >= after or new.deleted:
            return
        next_at = new.status.next_attempt_at
        in_time = next_at is not None and next_at <= after + CLOCK
        require(in_time, f"{new.name}: the fallback of {target} is due at {after}, but not before {next_at}")

    def _declared_fallback(
        self, notification: Notification, target: str
    ) -> tuple[Place | None, datetime | None]:
        """Return the fallback of a target, and when it joins at the latest; None where that has changed."""
        place = place_of(target, notification.namespace)
        spec = None if place is None else self._history.only_spec(place, notification.namespace)
        if spec is None or spec.fallback is None:
            return None, None
        fallback, after = _fallback(place, spec), spec.fallback.after_seconds
        if not self._history.always_exists(fallback):
            return None, None
        joined = {place_of(name, notification.namespace) for name in notification.status.target_names}
        # The time of what is a fallback itself counts from the moment at which that has joined.
        named = place is not None and any(
            (key.namespace, key.name) == (place.namespace, place.name) for key in notification.receiver_refs
        )
        waits = after is not None and named and fallback not in joined
        return fallback, _overdue(notification, after or 0.0) if waits else None


def _fallback(place: Place | None, spec: ReceiverSpec) -> Place:
    assert place is not None
    assert spec.fallback is not None
    return Place(kind=Kind.RECEIVERS, namespace=place.namespace, name=spec.fallback.name)


def _overdue(notification: Notification, seconds: float) -> datetime:
    """Return the earliest time, counted from the first one, at which a notification may be delivered."""
    begins = max(notification.created, notification.not_before or notification.created)
    return begins + timedelta(seconds=seconds)
