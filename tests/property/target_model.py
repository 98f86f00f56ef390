"""A model of one notification with receivers: it reconciles like the operator does, and tests decide what happens."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any

from notification_contract.kinds.choices import AttemptStatus, Phase
from notification_domain.folding.fold import fold, merge_attempts, next_attempt
from notification_domain.model import Attempt, Notification, parse
from notification_domain.planning.fallback import follow
from notification_domain.planning.hold import Hold, HoldReason
from notification_domain.planning.plan import Plan, Send, plan
from notification_domain.receivers.targets import PLACEHOLDER
from notification_domain.routing import resolve
from notification_domain.situation import Situation
from notification_domain.status import FINAL
from tests.property.strategies import Outcome
from tests.unit.operator.domain.builders import START, stored
from tests.unit.operator.domain.receivers.entries import resolver

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from notification_domain.receivers.catalog import Receiver
    from notification_domain.routing import Route

FAILED = Outcome(status=AttemptStatus.FAILED)


class Answer(Enum):
    """What becomes of a planned attempt."""

    RUN = "it is made, and ends at once"
    SLOW = "it is made, and takes long"
    REJECT = "the circuit breaker rejects it"
    HOLD = "its receiver takes no message now"
    SUPPRESS = "its receiver suppresses it"
    NO_ROOM = "there is no room for its content"


@dataclass(frozen=True, kw_only=True)
class Step:
    """What becomes of one planned attempt."""

    answer: Answer = Answer.RUN
    outcome: Outcome = FAILED
    seconds: float = 30.0
    """Of a hold, or of an open breaker."""


@dataclass(frozen=True, kw_only=True)
class Waits:
    """What targets wait for, as one reconciliation knows it."""

    breakers: dict[str, datetime] = field(default_factory=dict)
    holds: dict[str, Hold] = field(default_factory=dict)
    suppressions: dict[str, str] = field(default_factory=dict)
    without_room: frozenset[str] = frozenset()


class TargetModel:
    """One notification, the receivers that exist, a clock, and the attempts that no write holds."""

    def __init__(self, spec: dict[str, Any], receivers: list[Receiver]) -> None:
        self.obj: dict[str, Any] = stored(spec=spec)
        self.receivers = receivers
        self.now = START
        self.running: dict[str, Send] = {}
        self.finished: list[Attempt] = []
        self.tracked: Route | None = None
        """The route of attempts that run, or that no write holds."""
        self.decided = self.route
        """The route of the latest write; the receivers may have changed during it."""
        self.breakers: dict[str, datetime] = {}
        self.held: dict[str, datetime] = {}
        self.writes = 0
        self.without_room: frozenset[str] = frozenset()
        self.receivers_changed = False
        self.due: datetime | None = None
        """When the operator looks again by itself."""

    @property
    def current(self) -> Notification:
        return parse(self.obj)

    @property
    def final(self) -> bool:
        return self.current.phase in FINAL

    @property
    def route(self) -> Route:
        return self.tracked or resolve(self.current, resolver=resolver(*self.receivers))

    @property
    def followed(self) -> Route:
        known = merge_attempts(self.current, self.finished)
        running = frozenset(self.running)
        return follow(
            Situation(
                now=self.now,
                notification=known,
                route=self.route,
                running=running,
                unavailable=self.unavailable(),
            )
        )[0].route

    def plan(self) -> Plan:
        known = merge_attempts(self.current, self.finished)
        running = frozenset(self.running)
        return plan(
            *follow(
                Situation(
                    now=self.now,
                    notification=known,
                    route=self.route,
                    running=running,
                    open_breakers=self.open_breakers(),
                    unavailable=self.unavailable(),
                )
            )
        )

    def open_breakers(self) -> dict[str, datetime]:
        return {target: until for target, until in self.breakers.items() if until > self.now}

    def unavailable(self) -> frozenset[str]:
        held = {target for target, until in self.held.items() if until > self.now}
        return frozenset(held | self.open_breakers().keys())

    def reconcile(self, choose: Callable[[Send], Step]) -> Plan:
        """Start the due attempts, decide, write, and set the time of the next reconciliation."""
        planned = self.plan()
        holds: dict[str, Hold] = {}
        suppressions: dict[str, str] = {}
        without_room: set[str] = set()
        for send in planned.sends:
            self._start(send, choose(send), holds, suppressions, without_room)
        waits = Waits(
            breakers=self.open_breakers(),
            holds=holds,
            suppressions=suppressions,
            without_room=frozenset(without_room),
        )
        self.without_room = waits.without_room
        self.write(waits)
        return planned

    def change(self, receivers: list[Receiver]) -> None:
        """Let other receivers exist."""
        self.receivers, self.receivers_changed = receivers, True

    def crash(self) -> None:
        """Forget everything that no write holds."""
        self.running.clear()
        self.finished.clear()
        self.breakers.clear()
        self.held.clear()
        self.tracked = None

    def _start(
        self,
        send: Send,
        step: Step,
        holds: dict[str, Hold],
        suppressions: dict[str, str],
        without_room: set[str],
    ) -> None:
        target = send.channel
        assert target not in self.running
        if target.startswith(PLACEHOLDER):
            step = Step()  # nobody sends to a receiver that does not exist
        if self.held.get(target, self.now) > self.now:
            holds[target] = Hold(until=self.held[target], reason=HoldReason.SUSPENDED)
            return
        match step.answer:
            case Answer.HOLD:
                self.held[target] = self.now + timedelta(seconds=step.seconds)
                holds[target] = Hold(until=self.held[target], reason=HoldReason.SUSPENDED)
            case Answer.SUPPRESS if send.number == 1:
                suppressions[target] = "RateLimited"
            case Answer.NO_ROOM:
                without_room.add(target)
            case Answer.REJECT:
                self.breakers[target] = self.now + timedelta(seconds=step.seconds)
                self._begin(send)
                self.end(target, Outcome(status=AttemptStatus.FAILED, circuit_open=True))
            case Answer.SLOW:
                self._begin(send)
            case _:
                self._begin(send)
                self.end(target, step.outcome)

    def _begin(self, send: Send) -> None:
        self.tracked = self.route
        self.running[send.channel] = send

    def end(self, target: str, outcome: Outcome) -> None:
        """End a running attempt."""
        send = self.running.pop(target)
        self.finished.append(
            Attempt(
                channel=target,
                number=send.number,
                timestamp=self.now,
                status=outcome.status,
                error=None if outcome.status is AttemptStatus.SUCCESS else "it failed",
                permanent=outcome.permanent,
                retry_after=outcome.retry_after,
                circuit_open=outcome.circuit_open,
            )
        )

    def decide(self, waits: Waits | None = None) -> dict[str, Any]:
        """Return the status that a fresh read leads to now."""
        waits = waits or Waits(breakers=self.open_breakers())
        return fold(
            Situation(
                now=self.now,
                notification=self.current,
                route=self.route,
                running=frozenset(self.running),
                open_breakers=waits.breakers,
                holds=waits.holds,
                suppressed=waits.suppressions,
                unavailable=self.unavailable(),
            ),
            self.finished,
            queued_at=START,
        ).dump()

    def write(self, waits: Waits | None = None) -> None:
        """Store the next status, if it differs, and note when to look again."""
        waits, route = waits or Waits(breakers=self.open_breakers()), self.route
        status = self.decide(waits)
        self.decided = route
        self.writes += status != self.obj["status"]
        self.obj = self.obj | {"status": status}
        self.finished.clear()
        if not self.running:
            self.tracked = None
        after = self.current
        self.due = after.status.next_attempt_at
        if waits.without_room or waits.breakers or waits.holds or after.phase is Phase.PENDING:
            self.due = next_attempt(
                Situation(
                    now=self.now,
                    notification=after,
                    route=route,
                    running=frozenset(self.running),
                    open_breakers=waits.breakers,
                    holds=waits.holds,
                    unavailable=self.unavailable(),
                ),
                without_room=waits.without_room,
            )
