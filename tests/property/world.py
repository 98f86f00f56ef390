"""A world of one notification: an object, a clock, tries under way. It moves as the operator does."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from notification_operator.domain.fold import fold, merge_attempts
from notification_operator.domain.model import Attempt, AttemptStatus, Notification, RetryPolicy, parse
from notification_operator.domain.phases import FINAL
from notification_operator.domain.plan import Plan, Send, plan
from notification_operator.domain.routing.route import resolve
from notification_operator.domain.text.timestamps import parse_time
from tests.property.strategies import Outcome
from tests.unit.operator.domain.builders import START, stored

OURS = {
    *("phase", "reason", "message", "observedGeneration", "conditions", "deliveryAttempts", "totalAttempts"),
    *("successfulDeliveries", "failedDeliveries", "queuedAt", "processingStartedAt", "completionTime"),
    *("nextAttemptAt", "resolvedChannels"),
}


@dataclass(frozen=True, kw_only=True)
class Call:
    """One try that reached a channel."""

    send: Send
    at: datetime
    known: tuple[Attempt, ...]
    """What the operator knew of this channel when it began."""


class World:
    """Mirrors one pass of the reconciler step by step; tests decide what happens between the steps."""

    def __init__(self, channels: list[str], policy: RetryPolicy) -> None:
        self.policy = policy
        self.now = START
        self.obj: dict[str, Any] = stored(
            spec={
                "channels": channels,
                "retryPolicy": {
                    "maxAttempts": policy.max_attempts,
                    "initialBackoffSeconds": policy.initial_backoff,
                    "backoffMultiplier": policy.multiplier,
                    "maxBackoffSeconds": policy.max_backoff,
                },
            }
        )
        self.under_way: dict[str, Call] = {}
        self.over: list[Attempt] = []
        self.calls: list[Call] = []
        self.phases: list[str] = ["Pending"]
        self.held: dict[str, datetime] = {}
        """Channels whose circuit breaker is open, and until when."""
        self.turns = 0
        """Tries that were planned, whether a breaker was in their way or not."""

    @property
    def status(self) -> dict[str, Any]:
        status: dict[str, Any] = self.obj["status"]
        return status

    @property
    def seen(self) -> Notification:
        return parse(self.obj)

    @property
    def channels(self) -> tuple[str, ...]:
        return resolve(self.seen).channels

    @property
    def final(self) -> bool:
        return self.seen.phase in FINAL

    def begin(self) -> Plan:
        """Plan from a fresh read and start the tries that are due."""
        known = merge_attempts(self.seen, self.over)
        planned = plan(
            known,
            resolve(known),
            in_flight=frozenset(self.under_way),
            open_breakers=self.still_held(),
            now=self.now,
        )
        self.turns += len(planned.sends)
        for send in planned.sends:
            tries = tuple(attempt for attempt in known.attempts if attempt.channel == send.channel)
            call = Call(send=send, at=self.now, known=tries)
            assert send.channel not in self.under_way
            self.under_way[send.channel] = call
            self.calls.append(call)
            if send.channel in self.still_held():
                self.turn_away(send.channel)
        return planned

    def still_held(self) -> dict[str, datetime]:
        return {channel: until for channel, until in self.held.items() if until > self.now}

    def turn_away(self, channel: str) -> None:
        """Let a try end without a call, since the channel's circuit breaker is open."""
        self.calls.remove(self.under_way[channel])
        self.end(channel, Outcome(status=AttemptStatus.FAILED, circuit_open=True))

    def end(self, channel: str, outcome: Outcome) -> None:
        """Let a try end that is under way."""
        call = self.under_way.pop(channel)
        self.now = max(self.now, call.at + timedelta(seconds=outcome.duration))
        self.over.append(
            Attempt(
                channel=channel,
                number=call.send.number,
                timestamp=call.at,
                duration=outcome.duration,
                status=outcome.status,
                error=None if outcome.status == "success" else "it failed",
                permanent=outcome.permanent,
                retry_after=outcome.retry_after,
                circuit_open=outcome.circuit_open,
            )
        )

    def decide(self, made: list[Attempt] | None = None) -> dict[str, Any]:
        """Return the status that follows from a fresh read now."""
        return fold(
            self.seen,
            self.over if made is None else made,
            route=resolve(self.seen),
            in_flight=frozenset(self.under_way),
            open_breakers=self.still_held(),
            queued_at=START,
            now=self.now,
        ).dump()

    def write(self, *, reaches: bool = True, answered: bool = True, check: Callable[[], None]) -> None:
        """Write once; the write, or only the answer to it, may get lost on the way."""
        status = self.decide()
        if reaches:
            self.store(status)
            check()
        if reaches and answered:
            recorded = {attempt.key for attempt in self.seen.attempts}
            self.over = [attempt for attempt in self.over if attempt.key not in recorded]

    def store(self, status: dict[str, Any]) -> None:
        self.obj = self.obj | {"status": status}
        if status["phase"] != self.phases[-1]:
            self.phases.append(status["phase"])

    def crash(self) -> None:
        """Forget everything that no write holds."""
        self.under_way.clear()
        self.over.clear()
        self.held.clear()

    def wait_for_next(self, *, ahead: timedelta = timedelta(0)) -> None:
        """Let time pass until the status says that a try is due, or so much ahead of it."""
        if (due := self.status.get("nextAttemptAt")) is not None:
            self.now = max(self.now, parse_time(due) - ahead)

    def shortest_pause(self, failed: Attempt, made: int) -> timedelta:
        """Return the least pause after a failed try, the `made`th, computed by the contract's words."""
        policy = self.policy
        plain = min(policy.initial_backoff * policy.multiplier ** (made - 1), policy.max_backoff)
        lowest = max(plain * 0.9, min(policy.initial_backoff, policy.max_backoff))
        wished = min(failed.retry_after or 0.0, policy.max_backoff)
        return timedelta(seconds=max(lowest, wished))
