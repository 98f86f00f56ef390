"""The invariants: what must hold at every step of every schedule, whatever goes wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from notification_contract.kinds.target import TargetKey
from notification_domain.model import parse
from notification_domain.status import FINAL
from tests.simulation.record_invariants import END, RecordInvariants
from tests.simulation.violations import CLOCK, require

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from notification_domain.model import Attempt, Notification
    from notification_operator.observers.publisher import Transition
    from tests.simulation.channels import Call
    from tests.simulation.status_store import Reconciliation

MOST_READS = 200
"""Far more than the reconciliations of any schedule need."""


class Invariants(RecordInvariants):
    """Observes every call, write, reconciliation and published transition."""

    READS = 1
    """Those of a reconciliation without a conflict."""

    def __init__(self, read: Callable[[str], Notification | None], *, gaps: bool) -> None:
        super().__init__(read)
        self._gaps = gaps
        """Whether an attempt may take a number without calling a channel, as where circuit breakers may open."""
        self.clocks_agree = True
        """Whether no clock has stepped: then pauses between attempts and times in a status can be checked."""
        self.most_reads = MOST_READS
        """Those of all reconciliations, if each reads once."""
        self.reads = self.writes = 0
        """Those of all reconciliations."""
        self.overtaken = 0
        """Successes that are lost because a late write of a dead process recorded the attempt as failed before."""
        self.incidents = 0
        """Those whose far ends were checked."""
        self.published: set[tuple[str, str, int, str]] = set()
        self._deleted: set[tuple[str, str]] = set()
        """What a process has seen the deletion of, each by its name and the uid of the notification."""

    def call(self, call: Call, reconciliation: Reconciliation) -> None:
        """Check a call of a receiver, by the reconciliation that started its attempt."""
        seen = parse(orjson.loads(reconciliation.truth)) if reconciliation.truth else None
        recorded = _of(seen, call) if seen is not None and seen.uid == call.uid else []
        earlier = self.calls[call.uid, call.channel]
        repeats = [each for each in earlier if each.number == call.number]
        self._excuse_overtaken(call, recorded, earlier)
        delivery_id = f"{call.uid}/{call.channel}"
        require(call.delivery_id == delivery_id, f"{call.id} has the delivery id {call.delivery_id}")
        ended = seen is not None and seen.uid == call.uid and seen.phase in FINAL
        require(not ended, f"{call.id} is called although the notification has ended")
        deleted = seen is not None and seen.uid == call.uid and seen.deleted
        deleted = deleted or (call.who, call.uid) in self._deleted
        require(not deleted, f"{call.id} is called although the notification is deleted")
        closes = None if seen is None or seen.uid != call.uid else seen.deliver_before
        require(closes is None or call.wall < closes, f"{call.id} is called after {closes}")
        require(call.at >= call.paused_until, f"{call.id} is called although the receiver asked for a pause")
        require(
            not any(attempt.succeeded for attempt in recorded),
            f"{call.id} is called after a recorded success",
        )
        require(
            not any(each.end == "success" and not each.excused for each in earlier),
            f"{call.id} is called after a success",
        )
        crashed = all(each.excused or each.held for each in repeats)
        require(crashed, f"{call.id} is called again without any crash")
        require(
            not any(each.number == call.number for each in recorded if not each.circuit_open),
            f"{call.id} is called although the status holds that attempt",
        )
        # What this process knows: what it has read, and its own attempts, written or not.
        own = [each for each in earlier if each.who == call.who and not each.held]
        known = {each.number for each in recorded} | {each.number for each in own}
        expected = max(known, default=0) + 1
        require(
            call.number == expected or (self._gaps and call.number > expected),
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
            late = each.key in failed and self.writers[call.uid, each.key] != each.who
            if each.end == "success" and not each.excused and late and each.who in self.unreliable:
                each.excused = True
                self.overtaken += 1

    def _in_time(self, call: Call, seen: Notification, reached: set[int]) -> None:
        """Check the number of attempts, and the pause before this one, against the policy."""
        policy = seen.retry
        require(len(reached) < self._most_attempts(call, seen), f"{call.id} is one attempt too many")
        same = [
            each
            for each in self.calls[call.uid, call.channel]
            if reached and each.number == max(reached) and each.end != "open"
        ]
        if same:
            plain = min(policy.initial_backoff * policy.multiplier ** (len(reached) - 1), policy.max_backoff)
            pause = max(plain * 0.9, min(policy.initial_backoff, policy.max_backoff))
            asked = min(*(each.retry_after for each in same), policy.max_backoff)
            failed_at = min(each.ended_at for each in same)
            at = call.at + CLOCK.total_seconds()
            early = at < failed_at + max(pause, asked)
            require(not early or self._recovered(call, failed_at + asked), f"{call.id} comes too early")

    def _recovered(self, call: Call, since: float) -> bool:
        """Return whether the receiver has answered other notifications of this process since a time.

        Without that, no breaker closes, and no backoff ends before its time (DD-BREAKER-005).
        """
        place = TargetKey.parse(call.channel).to("")
        return any(
            each.end == "success" and each.who == call.who and since <= each.ended_at <= call.at
            for (uid, channel), calls in self.calls.items()
            if uid != call.uid and TargetKey.parse(channel).to("") == place
            for each in calls
        )

    def _most_attempts(self, _call: Call, seen: Notification) -> int:
        """Return how many attempts of a target may reach its far end."""
        return seen.retry.max_attempts

    def reconciled(self, done: Reconciliation) -> None:
        """Check a finished reconciliation."""
        subject = f"a reconciliation of {done.name}"
        require(done.reads <= self.READS + done.conflicts, f"{subject} read {done.reads} times")
        if done.deleted:
            self._deleted.add((done.who, done.deleted))
        require(done.reads >= done.conflicts, f"{subject} wrote again without reading again")
        self.reads += done.reads
        self.writes += done.writes
        require(self.reads <= self.READS * self.most_reads, f"{done.name} is reconciled without end")
        require(done.writes <= 1, f"{subject} wrote {done.writes} times")

    def publish(self, transition: Transition, who: str) -> None:
        """Check a published transition."""
        for attempt in transition.new_attempts:
            fact = (transition.after.uid, attempt.channel, attempt.number, who)
            require(fact not in self.published, f"{fact} is published twice")
            self.published.add(fact)

    def excuse(self, who: str, of: Callable[[str], bool] = lambda _uid: True) -> None:
        """Excuse a process that died or lost objects: unrecorded attempts may be repeated under the same id.

        One that the status holds as rejected, by a late write of another process, gets the next id.
        """
        self.unreliable.add(who)
        for call in self._unrecorded(who, of):
            if call.end == "success" and not call.excused and call.key in self._recorded_keys(call.uid):
                self.overtaken += 1
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
            if call.who == who
            and of(call.uid)
            and not call.held
            and call.key not in self._recorded_keys(call.uid, called=True)
        ]

    def _recorded_keys(self, uid: str, *, called: bool = False) -> set[tuple[str, int]]:
        """Return the keys of the recorded attempts; `called` leaves out what a circuit breaker rejected."""
        stored = self._read(uid)
        attempts = () if stored is None else stored.attempts
        return {each.key for each in attempts if not (called and each.circuit_open)}

    def end(self, notifications: Iterable[Notification]) -> None:
        """Check the notifications after everything has ended."""
        for notification in notifications:
            require(notification.phase in FINAL, f"{notification.name} never ends: {notification.phase}")
            recorded = {attempt.key for attempt in notification.attempts if not attempt.circuit_open}
            attempted = [
                call for (uid, _), calls in self.calls.items() if uid == notification.uid for call in calls
            ]
            lost = [
                call for call in attempted if not (call.excused or call.held) and call.key not in recorded
            ]
            late = [call for call in lost if self._ended_by_a_late_write(call)]
            self.overtaken += len(late)
            kept = [call.id for call in lost if call not in late]
            require(not kept, f"{notification.name}: {kept} were made but are not recorded")
            completed = notification.status.completed_at
            assert completed is not None
            require(
                not self.clocks_agree or all(a.timestamp <= completed + CLOCK for a in notification.attempts),
                "it completes before its attempts",
            )

    def _ended_by_a_late_write(self, call: Call) -> bool:
        """Return whether a write of a dead process has ended the notification, by another route, before this call's record.

        The other loss that only a write before each call could prevent (DD-LEDGER-001).
        """
        writer = self.writers[call.uid, END]
        return writer != call.who and writer in self.unreliable


def _of(notification: Notification, call: Call) -> list[Attempt]:
    return [attempt for attempt in notification.attempts if attempt.channel == call.channel]
