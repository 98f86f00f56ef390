"""What must hold at every step of every schedule, whatever goes wrong."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from notification_operator.domain.model import parse
from notification_operator.domain.phases import FINAL, MOVES
from notification_operator.domain.timestamps import parse_time

if TYPE_CHECKING:
    from collections.abc import Callable

    from notification_operator.announce.announcer import Transition
    from notification_operator.domain.model import Attempt, Notification
    from notification_operator.workqueue import Key
    from tests.property.simulation.network import Pass
    from tests.property.simulation.receivers import Call

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
        self.told: set[tuple[str, str, int, str]] = set()

    def call(self, call: Call) -> None:
        """A receiver is called."""
        earlier = self.calls[call.uid, call.channel]
        stored = self._read(call.uid)
        recorded = [] if stored is None else [a for a in stored.attempts if a.channel == call.channel]
        repeats = [each for each in earlier if each.number == call.number]
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
        demand(
            self._breakers
            or call.number <= len({each.number for each in earlier} | {each.number for each in recorded}) + 1,
            f"{call.id} skips a number",
        )
        if stored is not None:
            self._in_time(call, stored, recorded)
        earlier.append(call)

    def _in_time(self, call: Call, stored: Notification, recorded: list[Attempt]) -> None:
        policy = stored.retry
        made = [attempt for attempt in recorded if not attempt.circuit_open]
        demand(len(made) < policy.max_attempts, f"{call.id} is one try too many")
        if made:
            plain = min(policy.initial_backoff * policy.multiplier ** (len(made) - 1), policy.max_backoff)
            pause = max(plain * 0.9, min(policy.initial_backoff, policy.max_backoff))
            last = next(
                (
                    each
                    for each in reversed(self.calls[call.uid, call.channel])
                    if each.number == made[-1].number
                ),
                None,
            )
            if last is not None:
                pause = max(pause, min(last.retry_after, policy.max_backoff))
                demand(call.at + CLOCK.total_seconds() >= last.at + pause, f"{call.id} comes before its time")

    def write(self, before: dict[str, Any], after: dict[str, Any], who: str) -> None:
        """A status is written."""
        old, new = parse(before), parse(after)
        status = after["status"]
        if who == "a foreign writer":
            return
        demand(old.phase not in FINAL, f"{new.name} is written although it is final")
        demand(old.phase is new.phase or new.phase in MOVES[old.phase], f"{old.phase} becomes {new.phase}")
        demand(status.get("foreign") == before["status"].get("foreign"), "a foreign field is lost")
        demand(status["observedGeneration"] <= after["metadata"]["generation"], "observedGeneration is ahead")
        demand(("completionTime" in status) == (new.phase in FINAL), "completionTime and phase disagree")
        kept = {attempt.key for attempt in new.attempts}
        demand({attempt.key for attempt in old.attempts} <= kept, "a recorded attempt is lost")
        demand(len(kept) == len(new.attempts), "an attempt is recorded twice")
        self._counters(new, status)
        for attempt in new.attempts:
            if attempt.key not in {known.key for known in old.attempts} and not attempt.circuit_open:
                self._real(new.uid, attempt)

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
        demand(made.writes <= 1, f"a pass over {key.name} wrote {made.writes} times")

    def announce(self, transition: Transition, who: str) -> None:
        """A write is announced."""
        for attempt in transition.new_attempts:
            fact = (transition.after.uid, attempt.channel, attempt.number, who)
            demand(fact not in self.told, f"{fact} is announced twice")
            self.told.add(fact)

    def excuse(self, who: str) -> None:
        """An operator died or stood down: what it had not yet written may be made again, under the same id."""
        for calls in self.calls.values():
            for call in calls:
                if call.who == who and not self._recorded(call):
                    call.excused = True

    def _recorded(self, call: Call) -> bool:
        stored = self._read(call.uid)
        return stored is not None and (call.channel, call.number) in {a.key for a in stored.attempts}

    def end(self, notifications: list[Notification]) -> None:
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
            completed = parse_time(notification.status["completionTime"])
            demand(
                all(a.timestamp <= completed + CLOCK for a in notification.attempts),
                "it completes before its tries",
            )
