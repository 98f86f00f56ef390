"""What must hold at every step of every schedule, whatever goes wrong."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import orjson

from notification_operator.domain import audit_events as audit
from notification_operator.domain.model import Phase, parse
from notification_operator.domain.phases import FINAL, MOVES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from notification_operator.controller.workqueue import Key
    from notification_operator.domain.model import Attempt, Notification
    from notification_operator.observers.publisher import Transition
    from tests.simulation.audit_log import AuditLog
    from tests.simulation.receivers import Call
    from tests.simulation.store import Pass

FOREIGN = "a foreign writer"
END = "the end"
MOST_READS = 200
"""Far more than the passes of any schedule need."""
CLOCK = timedelta(milliseconds=2)
"""Timestamps in a status are cut to what the format holds."""


class BrokenPromise(Exception):  # noqa: N818 - says what happened
    """A schedule that must not be."""


def demand(holds: object, promise: str) -> None:
    """Raise `BrokenPromise` unless it holds."""
    if not holds:
        raise BrokenPromise(promise)


class Promises:
    """Hears of every call, write, pass and announcement."""

    def __init__(self, read: Callable[[str], Notification | None], *, breakers: bool) -> None:
        self._read = read
        """From a uid to the notification as the API server has it, None when it is gone."""
        self._breakers = breakers
        """Whether circuit breakers may open: then a number may go to a try that no receiver hears of."""
        self.calls: dict[tuple[str, str], list[Call]] = defaultdict(list)
        self.reads = self.writes = 0
        """Of all passes."""
        self.overtaken = 0
        """Successes that a late write of a dead process had recorded as failures by when their own was lost."""
        self.told: set[tuple[str, str, int, str]] = set()
        self.latest: dict[str, Notification] = {}
        """By uid: what was written last."""
        self.writers: dict[tuple[str, object], str] = {}
        """By uid and try, or `END`: who recorded it."""
        self.replaced: list[Notification] = []
        """Notifications with an attempt each that did not stay as it was recorded."""
        self.unreliable: set[str] = set()
        """Operators that died, stood down or gave up: what they had to tell may be lost."""

    def call(self, call: Call, made: Pass) -> None:
        """A receiver is called, by a pass that has read what `made` says."""
        seen = parse(orjson.loads(made.truth)) if made.truth else None
        recorded = _of(seen, call) if seen is not None and seen.uid == call.uid else []
        earlier = self.calls[call.uid, call.channel]
        repeats = [each for each in earlier if each.number == call.number]
        self._excuse_overtaken(call, recorded, earlier)
        demand(made.may_begin, f"{call.id} is called by an operator that stops")
        demand(
            not any(attempt.succeeded for attempt in recorded),
            f"{call.id} is called after a recorded success",
        )
        demand(
            not any(each.end == "success" and not each.excused for each in earlier),
            f"{call.id} is called after a success",
        )
        demand(all(each.excused for each in repeats), f"{call.id} is called again without any crash")
        demand(
            not any(each.number == call.number for each in recorded if not each.circuit_open),
            f"{call.id} is called although the status holds that try",
        )
        # What this process knows: what it has read, and its own tries, whether they are written or not.
        known = {each.number for each in recorded} | {each.number for each in earlier if each.who == call.who}
        expected = max(known, default=0) + 1
        demand(
            call.number == expected or (self._breakers and call.number > expected),
            f"{call.id} has another number than {expected}",
        )
        if seen is not None:
            reached = known - {each.number for each in recorded if each.circuit_open}
            self._in_time(call, seen, reached)
        earlier.append(call)

    def _excuse_overtaken(self, call: Call, recorded: list[Attempt], earlier: list[Call]) -> None:
        """Take out the one loss that nothing but a write before each call could prevent, and count it.

        A process repeats a try of one that died, with success, and dies too before it has written that. Only then
        the first one's write gets there, and says that the try has failed, or that it was turned away by a circuit
        breaker that was open there alone.
        """
        failed = {each.key for each in recorded if not each.succeeded}
        for each in earlier:
            key = (each.channel, each.number)
            late = key in failed and self.writers[call.uid, key] != each.who
            if each.end == "success" and not each.excused and late and each.who in self.unreliable:
                each.excused = True
                self.overtaken += 1

    def _in_time(self, call: Call, seen: Notification, reached: set[int]) -> None:
        """Demand that the number of tries and the pause before this one are as the policy says."""
        policy = seen.retry
        demand(len(reached) < policy.max_attempts, f"{call.id} is one try too many")
        same = [
            each
            for each in self.calls[call.uid, call.channel]
            if reached and each.number == max(reached) and each.end != "open"
        ]
        if same:
            plain = min(policy.initial_backoff * policy.multiplier ** (len(reached) - 1), policy.max_backoff)
            pause = max(plain * 0.9, min(policy.initial_backoff, policy.max_backoff))
            asked = min(*(each.retry_after for each in same), policy.max_backoff)
            due = min(each.ended_at for each in same) + max(pause, asked)
            demand(call.at + CLOCK.total_seconds() >= due, f"{call.id} comes before its time")

    def write(self, before: dict[str, Any], after: dict[str, Any], who: str) -> None:
        """A status is written."""
        old, new = parse(before), parse(after)
        status = after["status"]
        self.latest[new.uid] = new
        if who == FOREIGN:
            return
        demand(old.phase not in FINAL, f"{new.name} is written although it is final")
        demand(old.phase is new.phase or new.phase in MOVES[old.phase], f"{old.phase} becomes {new.phase}")
        demand(status.get("foreign") == before["status"].get("foreign"), "a foreign field is lost")
        demand(status["observedGeneration"] <= after["metadata"]["generation"], "observedGeneration is ahead")
        demand(("completionTime" in status) == (new.phase in FINAL), "completionTime and phase disagree")
        known = {attempt.key for attempt in old.attempts}
        kept = {attempt.key for attempt in new.attempts}
        demand(known <= kept, "a recorded attempt is lost")
        demand(len(kept) == len(new.attempts), "an attempt is recorded twice")
        for was, is_ in zip(old.attempts, new.attempts, strict=False):
            if was != is_:
                self._upgraded(old, was, is_)
        self._counters(new, status)
        if new.phase in FINAL:
            self.writers[new.uid, END] = who
        for attempt in new.attempts:
            if attempt.key not in known:
                self.writers[new.uid, attempt.key] = who
                if not attempt.circuit_open:
                    self._real(new.uid, attempt)

    def _upgraded(self, old: Notification, was: Attempt, is_: Attempt) -> None:
        """A recorded failure may become a success: of a repeat under the same id, by another process."""
        right = was.key == is_.key and is_.succeeded and not was.succeeded
        demand(right, "a recorded attempt is changed")
        self._real(old.uid, is_)
        status = replace(old.status, phase=Phase.SENDING, attempts=(was,))
        self.replaced.append(replace(old, status=status))

    def _counters(self, new: Notification, status: dict[str, Any]) -> None:
        succeeded = {attempt.channel for attempt in new.attempts if attempt.succeeded}
        failed = {attempt.channel for attempt in new.attempts} - succeeded
        demand(status["totalAttempts"] == len(new.attempts), "totalAttempts is wrong")
        demand(status["successfulDeliveries"] == len(succeeded), "successfulDeliveries is wrong")
        demand(status["failedDeliveries"] == len(failed), "failedDeliveries is wrong")

    def _real(self, uid: str, attempt: Attempt) -> None:
        made = [each for each in self.calls[uid, attempt.channel] if each.number == attempt.number]
        demand(made, f"{uid}:{attempt.channel}:{attempt.number} is recorded and was never made")
        ends = {each.end for each in made}
        demand(
            ("success" in ends) if attempt.succeeded else (ends != {"success"}), f"{uid} is recorded wrongly"
        )

    def passed(self, made: Pass, key: Key) -> None:
        """A pass is over."""
        demand(made.reads <= 1 + made.conflicts, f"a pass over {key.name} read {made.reads} times")
        demand(made.reads >= made.conflicts, f"a pass over {key.name} wrote again without reading again")
        self.reads += made.reads
        self.writes += made.writes
        demand(self.reads <= MOST_READS, f"passes over {key.name} go round and round")
        demand(made.writes <= 1, f"a pass over {key.name} wrote {made.writes} times")

    def announce(self, transition: Transition, who: str) -> None:
        """A write is announced."""
        for attempt in transition.new_attempts:
            fact = (transition.after.uid, attempt.channel, attempt.number, who)
            demand(fact not in self.told, f"{fact} is announced twice")
            self.told.add(fact)

    def excuse(self, who: str, of: Callable[[str], bool] = lambda _uid: True) -> None:
        """An operator died or lost objects: what it had not yet written may be made again, under the same id."""
        self.unreliable.add(who)
        for call in self._unrecorded(who, of):
            call.excused = True

    def given(self, who: str, of: Callable[[str], bool]) -> None:
        """An operator has given objects back in good order: all that it did to them is recorded."""
        left = [call.id for call in self._unrecorded(who, of) if not call.excused and self._read(call.uid)]
        demand(not left, f"{who} gives {left} back before it has recorded them")

    def _unrecorded(self, who: str, of: Callable[[str], bool]) -> list[Call]:
        return [
            call
            for calls in self.calls.values()
            for call in calls
            if call.who == who and of(call.uid) and not self._recorded(call)
        ]

    def _recorded(self, call: Call) -> bool:
        stored = self._read(call.uid)
        return stored is not None and (call.channel, call.number) in {a.key for a in stored.attempts}

    def end(self, notifications: Iterable[Notification]) -> None:
        """Everything has come to rest."""
        for notification in notifications:
            demand(notification.phase in FINAL, f"{notification.name} never ends: {notification.phase}")
            recorded = {attempt.key for attempt in notification.attempts if not attempt.circuit_open}
            made = [
                call for (uid, _), calls in self.calls.items() if uid == notification.uid for call in calls
            ]
            lost = [
                call.id for call in made if not call.excused and (call.channel, call.number) not in recorded
            ]
            demand(not lost, f"{notification.name}: {lost} were made and are not recorded")
            completed = notification.status.completed_at
            assert completed is not None
            demand(
                all(a.timestamp <= completed + CLOCK for a in notification.attempts),
                "it completes before its tries",
            )

    def audited(self, log: AuditLog) -> None:
        """The audit store holds what the statuses hold, each fact once, and nothing else.

        What a write recorded whose answer was lost is told by the next pass, unless the object is gone by then.
        """
        demand(not log.changed, f"audit events came again with another content: {log.changed}")
        more = dict(log.events)
        for notification in self.latest.values():
            stays = self._read(notification.uid) is not None
            for event, who in self._due(notification):
                stored = more.pop(event["event_id"], None)
                told = stored or not stays or who in self.unreliable
                demand(told, f"an audit event is lost: {event}")
                demand(stored in (None, event), f"an audit event is wrong: {stored}")
        for notification in self.replaced:
            for event, _ in self._due(notification):
                more.pop(event["event_id"], None)
        demand(not more, f"audit events are made up: {more}")

    def _due(self, notification: Notification) -> Iterable[tuple[dict[str, Any], str]]:
        """Yield every event that there is to tell of a notification, and who wrote what it tells."""
        facts = [attempt.key for attempt in notification.attempts] + [END]
        before = replace(notification, status=replace(notification.status, phase=Phase.PENDING, attempts=()))
        told = audit.events(
            before, notification, content=notification.content, attempts=notification.attempts
        )
        for event, fact in zip(told, facts, strict=False):
            yield event, self.writers[notification.uid, fact]


def _of(notification: Notification, call: Call) -> list[Attempt]:
    return [attempt for attempt in notification.attempts if attempt.channel == call.channel]
