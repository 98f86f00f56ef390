"""A model of one notification: an object, a clock and running attempts, driven like the operator does."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from notification_contract.kinds.choices import AttemptStatus
from notification_domain.folding.fold import fold, merge_attempts
from notification_domain.json_values import parse_time
from notification_domain.model import Attempt, Notification, RetryPolicy, parse
from notification_domain.planning.fallback import follow
from notification_domain.planning.hold import Hold, HoldReason
from notification_domain.planning.plan import Plan, Send, plan
from notification_domain.routing import resolve
from notification_domain.situation import Situation
from notification_domain.status import FINAL
from tests.property.strategies import Outcome
from tests.unit.operator.domain.builders import START, stored

OURS = {
    *("phase", "reason", "message", "observedGeneration", "conditions", "deliveryAttempts", "totalAttempts"),
    *("successfulDeliveries", "failedDeliveries", "queuedAt", "processingStartedAt", "completionTime"),
    *("nextAttemptAt", "resolvedChannels", "targets"),
}


@dataclass(frozen=True, kw_only=True)
class Call:
    """An attempt that reached a channel."""

    send: Send
    at: datetime
    known: tuple[Attempt, ...]
    """The attempts on this channel that were known when it began."""


class NotificationModel:
    """Mirrors a reconciliation step by step; tests decide what happens between the steps."""

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
        self.running: dict[str, Call] = {}
        self.finished: list[Attempt] = []
        self.calls: list[Call] = []
        self.phases: list[str] = ["Pending"]
        self.breakers: dict[str, datetime] = {}
        """Channels whose circuit breaker is open, with the time of the next probe."""
        self.pauses: dict[str, datetime] = {}
        """Channels whose receiver asked for a pause, with its end."""
        self.ends_of_pauses: set[datetime] = set()
        """Ends of all pauses so far: a status shows that of an earlier pause until its next write."""
        self.forgotten_pauses: set[datetime] = set()
        """Ends of pauses that a crash made the operator forget."""
        self.planned = 0
        """Attempts that were planned, rejected ones included."""

    @property
    def status(self) -> dict[str, Any]:
        status: dict[str, Any] = self.obj["status"]
        return status

    @property
    def current(self) -> Notification:
        return parse(self.obj)

    @property
    def channels(self) -> tuple[str, ...]:
        return resolve(self.current).targets

    @property
    def final(self) -> bool:
        return self.current.phase in FINAL

    def begin(self) -> Plan:
        """Plan from a fresh read and start the attempts that are due."""
        known = merge_attempts(self.current, self.finished)
        planned = plan(
            *follow(
                Situation(
                    now=self.now,
                    notification=known,
                    route=resolve(known),
                    running=frozenset(self.running),
                    open_breakers=self.open_breakers(),
                )
            )
        )
        self.planned += len(planned.sends)
        for send in planned.sends:
            if send.channel in self.holds():
                continue
            earlier = tuple(attempt for attempt in known.attempts if attempt.channel == send.channel)
            call = Call(send=send, at=self.now, known=earlier)
            assert send.channel not in self.running
            self.running[send.channel] = call
            self.calls.append(call)
            if send.channel in self.open_breakers():
                self.reject(send.channel)
        return planned

    def pause(self, channel: str, seconds: float) -> None:
        """Let the receiver of a channel ask for a pause."""
        self.pauses[channel] = self.now + timedelta(seconds=seconds)
        self.ends_of_pauses.add(self.pauses[channel])

    def open_breakers(self) -> dict[str, datetime]:
        return {channel: until for channel, until in self.breakers.items() if until > self.now}

    def holds(self) -> dict[str, Hold]:
        return {
            channel: Hold(until=until, reason=HoldReason.PAUSE)
            for channel, until in self.pauses.items()
            if until > self.now
        }

    def reject(self, channel: str) -> None:
        """End an attempt without a call, because the channel's circuit breaker is open."""
        self.calls.remove(self.running[channel])
        self.end(channel, Outcome(status=AttemptStatus.FAILED, circuit_open=True))

    def end(self, channel: str, outcome: Outcome) -> None:
        """End a running attempt."""
        call = self.running.pop(channel)
        self.now = max(self.now, call.at + timedelta(seconds=outcome.duration))
        self.finished.append(
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

    def decide(self, attempts: list[Attempt] | None = None) -> dict[str, Any]:
        """Return the status that a fresh read leads to now."""
        return fold(
            Situation(
                now=self.now,
                notification=self.current,
                route=resolve(self.current),
                running=frozenset(self.running),
                open_breakers=self.open_breakers(),
                holds=self.holds(),
            ),
            self.finished if attempts is None else attempts,
            queued_at=START,
        ).dump()

    def write(self, *, reaches: bool = True, answered: bool = True, check: Callable[[], None]) -> None:
        """Write once; the write, or only its answer, may get lost."""
        status = self.decide()
        if reaches:
            self.store(status)
            check()
        if reaches and answered:
            recorded = {attempt.key for attempt in self.current.attempts}
            self.finished = [attempt for attempt in self.finished if attempt.key not in recorded]

    def store(self, status: dict[str, Any]) -> None:
        self.obj = self.obj | {"status": status}
        if status["phase"] != self.phases[-1]:
            self.phases.append(status["phase"])

    def crash(self) -> None:
        """Forget everything that no write holds."""
        self.running.clear()
        self.finished.clear()
        self.breakers.clear()
        self.forgotten_pauses |= self.ends_of_pauses
        self.pauses.clear()

    def wait_for_next(self, *, ahead: timedelta = timedelta(0)) -> None:
        """Let time pass until the next attempt is due, or shortly before; without one, until a breaker permits a probe."""
        shown = self.status.get("nextAttemptAt")
        due = min(self.open_breakers().values(), default=None) if shown is None else parse_time(shown)
        if due is not None:
            self.now = max(self.now, due - ahead)

    def shortest_pause(self, failed: Attempt, count: int) -> timedelta:
        """Return the shortest pause after the `count`th attempt failed, computed from the contract."""
        policy = self.policy
        plain = min(policy.initial_backoff * policy.multiplier ** (count - 1), policy.max_backoff)
        lowest = max(plain * 0.9, min(policy.initial_backoff, policy.max_backoff))
        requested = min(failed.retry_after or 0.0, policy.max_backoff)
        return timedelta(seconds=max(lowest, requested))
