"""A circuit breaker as a value: what opens it, which calls it admits, and what closes it (DD-BREAKER-002 to DD-BREAKER-005).

closed: every call is admitted. open: none is. half-open: a few probes are admitted. The breaker closes when all of
them succeed, or when one succeeds and another one fails: such a receiver is not down, and the failure counts in its
share of failures. A failure before the first success opens the breaker again, for longer each time; the other probes
of that opening are still made, and a success closes the breaker. A refusal opens it, too. After it has closed, each
success allows one more concurrent call, so that their number doubles from round to round. Time and randomness are
arguments.

It judges by distinct notifications: however often one message fails, it counts as one failure.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final, assert_never

from notification_contract.kinds.choices import CircuitState

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

MOST_RESULTS: Final = 50
"""Results in the window; also the longest sequence of failures that a mixed window asks for."""
CHANCE: Final = 0.001
"""A sequence of failures opens the breaker if chance explains it with a lower probability than this."""
SPREAD: Final = 0.1
"""Share by which a time shorter than the longest is extended at most, so that replicas do not probe together."""
MOST_DOUBLINGS: Final = 16
"""Keeps the power finite, far beyond the longest time."""
RECOVERED: Final = 64
"""Concurrent calls from which on a recovering destination counts as recovered."""
OWED_SECONDS: Final = 1.0
"""Seconds in which the other probes are made that were due with one that failed."""
CROWD: Final = 100
"""Notifications that wait, up to which a breaker stays open for its whole time; for more of them, the time is shorter (DD-BREAKER-004)."""
MOST_OFTEN: Final = 4
"""How many times as often a receiver is probed at most, however many wait for it."""
YIELD_SECONDS: Final = 2.0
"""Seconds that a notification whose probe failed lets others probe first."""


class Result(StrEnum):
    """The meaning of a completed call for its destination."""

    SUCCESS = "success"
    FAILURE = "failure"
    REFUSAL = "refusal"
    """The receiver accepts no message at all, so further calls are useless."""
    NEITHER = "neither"
    """The call was cancelled, the message itself was at fault, or the receiver only asked for a pause."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """When a breaker opens, for how long, and how many probes decide whether it closes."""

    failure_threshold: int = 3
    open_seconds: float = 30.0
    probes: int = 2
    initial_open_seconds: float | None = None
    """Seconds of the first opening, doubled by each one that follows, up to `open_seconds`; None: `open_seconds`."""
    window_seconds: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """Permission for one call, whose result must be reported whatever it is."""

    generation: int
    """The generation of the breaker that admitted the call; a report to a later one has no effect."""
    notification: str = ""
    """Identifies the notification; calls without it count as distinct."""
    probe: bool = False
    """Whether it was admitted to find out whether the receiver answers again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recent:
    """One result in the window."""

    at: datetime
    notification: str
    failed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Owed:
    """Probes of a half-open breaker that were not begun when another one failed."""

    generation: int
    """The generation that they belong to."""
    probes: int
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    limits: Limits = Limits()
    generation: int = 0
    """Grows whenever the breaker opens or closes."""
    opened_at: datetime | None = None
    """None while closed."""
    open_for: float = 0.0
    """Seconds that it stays open."""
    openings: int = 0
    """Consecutive openings, as long as the receiver answers nothing."""
    failing: tuple[Recent, ...] = ()
    """The failures since the last success, one for each notification, oldest first."""
    recent: tuple[Recent, ...] = ()
    """The window: earlier results, oldest first, without the failures of an outage."""
    probing: int = 0
    """Running probes of a half-open breaker."""
    passed: int = 0
    """Successful probes of a half-open breaker."""
    allowance: int | None = None
    """Calls that the destination may get at once; None: as many as its channel allows."""
    answered_at: datetime | None = None
    """The latest success of a probe, also before the breaker closed the last time."""
    recovered_at: datetime | None = None
    """When it closed because every probe was answered; None while open, and if the receiver only fails now and then."""
    failed_probe: str = ""
    """The notification whose failed probe opened the breaker again; it is not the next to probe."""
    waiting: int = 0
    """The notifications that wait for it; each probe uses an attempt of one of them."""
    owed: Owed | None = None
    """The probes that are still made after the breaker has opened again, by notifications that waited for their turn."""

    @property
    def probe_at(self) -> datetime | None:
        """The time from which probes are admitted; None while closed."""
        if self.opened_at is None:
            return None
        return self.opened_at + timedelta(seconds=self.open_for)

    @property
    def awaits_probes(self) -> bool:
        """Whether as many probes are running, or have been answered, as are admitted."""
        return self.opened_at is not None and self.free_probes <= 0

    @property
    def free_probes(self) -> int:
        """How many probes are admitted still, once the breaker is half-open."""
        return self.limits.probes - self.probing - self.passed

    def due_probes(self, now: datetime) -> tuple[int, int]:
        """Return the generation whose probes are due for notifications that wait, and how many are free."""
        if self.owed is not None and self.owed.probes and now < self.owed.until:
            return self.owed.generation, self.owed.probes
        return self.generation, self.free_probes if self.circuit(now) is CircuitState.HALF_OPEN else 0

    def circuit(self, now: datetime) -> CircuitState:
        """Return the state at a time."""
        probe_at = self.probe_at
        if probe_at is None:
            return CircuitState.CLOSED
        return CircuitState.OPEN if now < probe_at else CircuitState.HALF_OPEN

    def admits_at(self, notification: str) -> datetime | None:
        """Return the time from which a notification may probe; None while closed.

        If one probe decides, the notification whose probe failed last lets others probe first: its failure may be
        its own fault, and must not keep the breaker open for all. If there are several, another one is answered.
        """
        probe_at = self.probe_at
        alone = self.limits.probes == 1
        if probe_at is None or not alone or not notification or notification != self.failed_probe:
            return probe_at
        return probe_at + timedelta(seconds=min(self.open_for, YIELD_SECONDS))


def admit(
    breaker: Breaker, now: datetime, *, notification: str = "", in_turn: bool = False
) -> tuple[Breaker, Admission | None]:
    """Return the breaker after a request for admission, and the admission; None is a rejection.

    `in_turn` says that the notification waited, and is the next to probe: it may make a probe that is owed.
    """
    admits_at = breaker.admits_at(notification)
    probe = admits_at is not None
    admission = Admission(generation=breaker.generation, notification=notification, probe=probe)
    if admits_at is None:
        return breaker, admission
    if now >= admits_at and not breaker.awaits_probes:
        return replace(breaker, probing=breaker.probing + 1), admission
    owed = breaker.owed
    if in_turn and owed is not None and owed.probes and now < owed.until:
        breaker = replace(breaker, owed=replace(owed, probes=owed.probes - 1))
        return breaker, replace(admission, generation=owed.generation)
    return breaker, None


def report(
    breaker: Breaker, admission: Admission, result: Result, now: datetime, *, spread: float = 0.0
) -> Breaker:
    """Return the breaker after an admitted call.

    Args:
        breaker: the breaker before.
        admission: what `admit` returned for the call.
        result: the result of the call.
        now: the time of the result.
        spread: a random number in [0, 1) that extends the time the breaker stays open.
    """
    if admission.generation != breaker.generation:
        answered = admission.probe and result is Result.SUCCESS and breaker.opened_at is not None
        # Another probe failed first, and opened the breaker again.
        return _mixed(breaker, admission.notification, now) if answered else breaker
    if breaker.opened_at is None:
        return _report_closed(breaker, admission.notification, result, now, spread)
    return _report_probe(breaker, admission.notification, result, now, spread)


def failures_to_open(recent: Iterable[Recent], threshold: int) -> int:
    """Return how many notifications must fail in a row to open a breaker.

    It is the threshold, unless the window shows that the receiver fails now and then without being down: then
    it is the length of the row that chance explains with a lower probability than `CHANCE`. The window is a sample
    of the share of failures: the fewer results it holds, the less it says, and the longer the row (the rule of
    succession, with every share equally likely beforehand).
    """
    results = [each.failed for each in recent]
    failures = sum(results)
    if failures < threshold:
        return threshold
    probability, row = 1.0, 0
    while probability >= CHANCE and row < MOST_RESULTS:
        probability *= (failures + row + 1) / (len(results) + row + 2)
        row += 1
    return max(threshold, row)


def _report_closed(
    breaker: Breaker, notification: str, result: Result, now: datetime, spread: float
) -> Breaker:
    match result:
        case Result.NEITHER:
            return breaker
        case Result.SUCCESS:
            allowance = None if breaker.allowance is None else breaker.allowance + 1
            return replace(
                breaker,
                failing=(),
                recent=_window(breaker, notification, now),
                allowance=None if allowance == RECOVERED else allowance,
            )
        case Result.FAILURE:
            return _failed(breaker, notification, now, spread)
        case Result.REFUSAL:
            return _opened(replace(breaker, failing=(), openings=1), now, spread)
    assert_never(result)


def _failed(breaker: Breaker, notification: str, now: datetime, spread: float) -> Breaker:
    if _has_failed(breaker, notification):
        return breaker
    threshold = breaker.limits.failure_threshold
    recent = _since(breaker.recent, now, breaker.limits.window_seconds)
    row = failures_to_open(recent, threshold)
    allowance = breaker.allowance
    if allowance is not None and row == threshold:
        # A receiver that fails now and then is not relieved by fewer calls.
        allowance = max(1, allowance // 2)
    breaker = replace(breaker, failing=_row(breaker, notification, now), allowance=allowance)
    if len(breaker.failing) < row:
        return breaker
    return _opened(replace(breaker, recent=recent, openings=1), now, spread)


def _has_failed(breaker: Breaker, notification: str) -> bool:
    return bool(notification) and any(each.notification == notification for each in breaker.failing)


def _row(breaker: Breaker, notification: str, now: datetime) -> tuple[Recent, ...]:
    """Return the failures since the last success, with this one."""
    if _has_failed(breaker, notification):
        return breaker.failing
    return (*breaker.failing, Recent(at=now, notification=notification, failed=True))[-MOST_RESULTS:]


def _window(breaker: Breaker, notification: str, now: datetime) -> tuple[Recent, ...]:
    """Return the window with the failures since the last success, and this success."""
    seconds = breaker.limits.window_seconds
    failures = _since(breaker.failing, now, seconds)
    news = (*failures, Recent(at=now, notification=notification, failed=False))
    known = {(each.notification, each.failed) for each in news if each.notification}
    kept = _since(breaker.recent, now, seconds)
    earlier = [each for each in kept if (each.notification, each.failed) not in known]
    return (*earlier, *news)[-MOST_RESULTS:]


def _since(recent: tuple[Recent, ...], now: datetime, seconds: float) -> tuple[Recent, ...]:
    """Return the results of the last seconds; in good times, all of them are."""
    start = now - timedelta(seconds=seconds)
    if not recent or recent[0].at > start:
        return recent
    return tuple([each for each in recent if each.at > start])


def _report_probe(
    breaker: Breaker, notification: str, result: Result, now: datetime, spread: float
) -> Breaker:
    match result:
        case Result.NEITHER:
            return replace(breaker, probing=breaker.probing - 1)
        case Result.SUCCESS:
            return _probe_answered(breaker, now)
        case Result.FAILURE:
            return _probe_failed(breaker, notification, now, spread)
        case Result.REFUSAL:
            return _reopened(breaker, notification, now, spread)
    assert_never(result)


def _probe_answered(breaker: Breaker, now: datetime) -> Breaker:
    passed = breaker.passed + 1
    if passed < breaker.limits.probes:
        return replace(breaker, probing=breaker.probing - 1, passed=passed, answered_at=now)
    return _closed(breaker, now)


def _probe_failed(breaker: Breaker, notification: str, now: datetime, spread: float) -> Breaker:
    if breaker.passed:
        failure = Recent(at=now, notification=notification, failed=True)
        return replace(_mixed(breaker, "", now), failing=(failure,))
    until = now + timedelta(seconds=OWED_SECONDS)
    owed = Owed(generation=breaker.generation, probes=breaker.free_probes, until=until)
    breaker = replace(breaker, failing=_row(breaker, notification, now))
    return replace(_reopened(breaker, notification, now, spread), owed=owed)


def _closed(breaker: Breaker, now: datetime) -> Breaker:
    """Return the breaker after an outage, whose failures say nothing about the share of failures in good times."""
    return Breaker(
        limits=breaker.limits,
        generation=breaker.generation + 1,
        recent=breaker.recent,
        answered_at=now,
        recovered_at=now,
        allowance=breaker.limits.probes,
    )


def _mixed(breaker: Breaker, answered: str, now: datetime) -> Breaker:
    """Return the breaker of a receiver that answers some probes and not others: it fails now and then, and is not down."""
    return replace(_closed(breaker, now), recovered_at=None, recent=_window(breaker, answered, now))


def _reopened(breaker: Breaker, notification: str, now: datetime, spread: float) -> Breaker:
    """Return the breaker after a failed probe: open for longer, unless the receiver answers some calls."""
    limits = breaker.limits
    recent = _since(breaker.recent, now, limits.window_seconds)
    answers_probes = breaker.answered_at is not None and now - breaker.answered_at < timedelta(
        seconds=limits.window_seconds
    )
    fails_at_random = failures_to_open(recent, limits.failure_threshold) > limits.failure_threshold
    openings = 1 if answers_probes or fails_at_random else breaker.openings + 1
    breaker = replace(breaker, openings=openings, failed_probe=notification, recent=recent)
    return _opened(breaker, now, spread)


def _opened(breaker: Breaker, now: datetime, spread: float) -> Breaker:
    often = min(max(breaker.waiting / CROWD, 1.0), MOST_OFTEN)
    longest, first = breaker.limits.open_seconds / often, breaker.limits.initial_open_seconds
    doubled = longest if first is None else first * 2.0 ** min(breaker.openings - 1, MOST_DOUBLINGS)
    return replace(
        breaker,
        generation=breaker.generation + 1,
        opened_at=now,
        open_for=min(doubled * (1 + SPREAD * spread), longest),
        recovered_at=None,
        probing=0,
        passed=0,
        owed=None,
        allowance=breaker.limits.probes,
    )
