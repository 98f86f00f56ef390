"""The invariants: what must hold at every step of every schedule, whatever goes wrong."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import orjson

from notification_operator.domain import audit_events as audit
from notification_operator.domain.model import Phase, parse
from notification_operator.domain.phases import FINAL, MOVES
from notification_operator.domain.redaction.redact import ALL_RULES, redact_content

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from notification_operator.domain.model import Attempt, Notification
    from notification_operator.observers.publisher import Transition
    from tests.simulation.audit_store import AuditLog
    from tests.simulation.receivers import Call
    from tests.simulation.status_store import Reconciliation

FOREIGN = "a foreign writer"
END = "the end"
MOST_READS = 200
"""Far more than the reconciliations of any schedule need."""
CLOCK = timedelta(milliseconds=2)
"""Timestamps in a status are truncated to the precision of their format."""


class InvariantViolation(Exception):  # noqa: N818 - says what happened
    """A schedule violated an invariant."""


def require(condition: object, violation: str) -> None:
    """Raise `InvariantViolation` unless a condition holds."""
    if not condition:
        raise InvariantViolation(violation)


class Invariants:
    """Observes every call, write, reconciliation and published transition."""

    def __init__(self, read: Callable[[str], Notification | None], *, breakers: bool) -> None:
        self._read = read
        """Returns the stored notification of a uid; None if it is gone."""
        self._breakers = breakers
        """Whether circuit breakers may open: then an attempt may take a number without calling a receiver."""
        self.calls: dict[tuple[str, str], list[Call]] = defaultdict(list)
        self.clocks_agree = True
        """Whether no clock has stepped: then pauses between attempts and times in a status can be checked."""
        self.most_reads = MOST_READS
        self.reads = self.writes = 0
        """Of all reconciliations."""
        self.overtaken = 0
        """Successes that are lost because a late write of a dead process recorded the attempt as failed before."""
        self.published: set[tuple[str, str, int, str]] = set()
        self.latest: dict[str, Notification] = {}
        """The latest written notification, by uid."""
        self.writers: dict[tuple[str, object], str] = {}
        """The writer that recorded an attempt, or the end, by uid and attempt key or `END`."""
        self.replaced: list[Notification] = []
        """Notifications with one attempt each, whose record was replaced."""
        self.unreliable: set[str] = set()
        """Processes that died, lost a shard or abandoned attempts: their events may be lost."""

    def call(self, call: Call, reconciliation: Reconciliation) -> None:
        """Check a call of a receiver, by the reconciliation that started its attempt."""
        seen = parse(orjson.loads(reconciliation.truth)) if reconciliation.truth else None
        recorded = _of(seen, call) if seen is not None and seen.uid == call.uid else []
        earlier = self.calls[call.uid, call.channel]
        repeats = [each for each in earlier if each.number == call.number]
        self._excuse_overtaken(call, recorded, earlier)
        require(reconciliation.may_start, f"{call.id} is called by a process that stops")
        require(call.at >= call.paused_until, f"{call.id} is called although the receiver asked for a pause")
        require(
            not any(attempt.succeeded for attempt in recorded),
            f"{call.id} is called after a recorded success",
        )
        require(
            not any(each.end == "success" and not each.excused for each in earlier),
            f"{call.id} is called after a success",
        )
        require(all(each.excused for each in repeats), f"{call.id} is called again without any crash")
        require(
            not any(each.number == call.number for each in recorded if not each.circuit_open),
            f"{call.id} is called although the status holds that attempt",
        )
        # What this process knows: what it has read, and its own attempts, written or not.
        known = {each.number for each in recorded} | {each.number for each in earlier if each.who == call.who}
        expected = max(known, default=0) + 1
        require(
            call.number == expected or (self._breakers and call.number > expected),
            f"{call.id} has a number other than {expected}",
        )
        if seen is not None and self.clocks_agree:
            reached = known - {each.number for each in recorded if each.circuit_open}
            self._in_time(call, seen, reached)
        earlier.append(call)

    def _excuse_overtaken(self, call: Call, recorded: list[Attempt], earlier: list[Call]) -> None:
        """Excuse and count the one loss that only a write before each call could prevent (DD-LEDGER-001).

        A process repeats an attempt of a dead process, succeeds, and dies before it has written that. Only then
        the write of the first process arrives, and records the attempt as failed, or as rejected by a circuit
        breaker that was open in that process alone.
        """
        failed = {each.key for each in recorded if not each.succeeded}
        for each in earlier:
            key = (each.channel, each.number)
            late = key in failed and self.writers[call.uid, key] != each.who
            if each.end == "success" and not each.excused and late and each.who in self.unreliable:
                each.excused = True
                self.overtaken += 1

    def _in_time(self, call: Call, seen: Notification, reached: set[int]) -> None:
        """Check the number of attempts, and the pause before this one, against the policy."""
        policy = seen.retry
        require(len(reached) < policy.max_attempts, f"{call.id} is one attempt too many")
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
            require(call.at + CLOCK.total_seconds() >= due, f"{call.id} comes too early")

    def write(self, before: dict[str, Any], after: dict[str, Any], who: str) -> None:
        """Check a status write."""
        old, new = parse(before), parse(after)
        status = after["status"]
        self.latest[new.uid] = new
        if who == FOREIGN:
            return
        require(old.phase not in FINAL, f"{new.name} is written although it is final")
        require(old.phase is new.phase or new.phase in MOVES[old.phase], f"{old.phase} becomes {new.phase}")
        require(status.get("foreign") == before["status"].get("foreign"), "a foreign field is lost")
        require(
            status["observedGeneration"] <= after["metadata"]["generation"], "observedGeneration is ahead"
        )
        require(("completionTime" in status) == (new.phase in FINAL), "completionTime and phase disagree")
        known = {attempt.key for attempt in old.attempts}
        kept = {attempt.key for attempt in new.attempts}
        require(known <= kept, "a recorded attempt is lost")
        require(len(kept) == len(new.attempts), "an attempt is recorded twice")
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
        """Check a changed record: a failure may become a success, by a repeat of another process under the same id."""
        right = was.key == is_.key and is_.succeeded and not was.succeeded
        require(right, "a recorded attempt is changed")
        self._real(old.uid, is_)
        status = replace(old.status, phase=Phase.SENDING, attempts=(was,))
        self.replaced.append(replace(old, status=status))

    def _counters(self, new: Notification, status: dict[str, Any]) -> None:
        succeeded = {attempt.channel for attempt in new.attempts if attempt.succeeded}
        failed = {attempt.channel for attempt in new.attempts} - succeeded
        require(status["totalAttempts"] == len(new.attempts), "totalAttempts is wrong")
        require(status["successfulDeliveries"] == len(succeeded), "successfulDeliveries is wrong")
        require(status["failedDeliveries"] == len(failed), "failedDeliveries is wrong")

    def _real(self, uid: str, attempt: Attempt) -> None:
        calls = [each for each in self.calls[uid, attempt.channel] if each.number == attempt.number]
        require(calls, f"{uid}:{attempt.channel}:{attempt.number} is recorded but was never made")
        ends = {each.end for each in calls}
        require(
            ("success" in ends) if attempt.succeeded else (ends != {"success"}), f"{uid} is recorded wrongly"
        )

    def reconciled(self, done: Reconciliation) -> None:
        """Check a finished reconciliation."""
        subject = f"a reconciliation of {done.name}"
        require(done.reads <= 1 + done.conflicts, f"{subject} read {done.reads} times")
        require(done.reads >= done.conflicts, f"{subject} wrote again without reading again")
        self.reads += done.reads
        self.writes += done.writes
        require(self.reads <= self.most_reads, f"{done.name} is reconciled without end")
        require(done.writes <= 1, f"{subject} wrote {done.writes} times")

    def publish(self, transition: Transition, who: str) -> None:
        """Check a published transition."""
        for attempt in transition.new_attempts:
            fact = (transition.after.uid, attempt.channel, attempt.number, who)
            require(fact not in self.published, f"{fact} is published twice")
            self.published.add(fact)

    def excuse(self, who: str, of: Callable[[str], bool] = lambda _uid: True) -> None:
        """Excuse a process that died or lost objects: unrecorded attempts may be repeated under the same id."""
        self.unreliable.add(who)
        for call in self._unrecorded(who, of):
            call.excused = True

    def released(self, who: str, of: Callable[[str], bool]) -> None:
        """Check a process that has released objects in order: all its attempts are recorded."""
        left = [call.id for call in self._unrecorded(who, of) if not call.excused and self._read(call.uid)]
        require(not left, f"{who} releases {left} before it has recorded them")

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
        """Check the notifications after everything has ended."""
        for notification in notifications:
            require(notification.phase in FINAL, f"{notification.name} never ends: {notification.phase}")
            recorded = {attempt.key for attempt in notification.attempts if not attempt.circuit_open}
            attempted = [
                call for (uid, _), calls in self.calls.items() if uid == notification.uid for call in calls
            ]
            lost = [
                call.id
                for call in attempted
                if not call.excused and (call.channel, call.number) not in recorded
            ]
            require(not lost, f"{notification.name}: {lost} were made but are not recorded")
            completed = notification.status.completed_at
            assert completed is not None
            require(
                not self.clocks_agree or all(a.timestamp <= completed + CLOCK for a in notification.attempts),
                "it completes before its attempts",
            )

    def audited(self, log: AuditLog) -> None:
        """Check the audit store: it holds what the statuses hold, each fact once, and nothing else.

        The next reconciliation publishes what a write recorded whose answer was lost, unless the object is gone.
        """
        require(not log.changed, f"audit events came again with another content: {log.changed}")
        rest = dict(log.events)
        for notification in self.latest.values():
            stays = self._read(notification.uid) is not None
            for event, who in self._due(notification):
                stored = rest.pop(event["event_id"], None)
                excused = not stays or who in self.unreliable
                require(stored or excused, f"an audit event is lost: {event}")
                require(stored in (None, event), f"an audit event is wrong: {stored}")
        for notification in self.replaced:
            for event, _ in self._due(notification):
                rest.pop(event["event_id"], None)
        require(not rest, f"audit events without a fact: {rest}")

    def _due(self, notification: Notification) -> Iterable[tuple[dict[str, Any], str]]:
        """Yield every audit event of a notification, and the writer that recorded its fact."""
        facts = [attempt.key for attempt in notification.attempts] + [END]
        content = redact_content(notification.content, ALL_RULES)
        events = audit.all_events(notification, content=content)
        for event, fact in zip(events, facts, strict=False):
            yield event, self.writers[notification.uid, fact]


def _of(notification: Notification, call: Call) -> list[Attempt]:
    return [attempt for attempt in notification.attempts if attempt.channel == call.channel]
