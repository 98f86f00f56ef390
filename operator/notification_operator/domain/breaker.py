"""A circuit breaker as a value: opens after failures in a row, then admits probes (DD-BREAKER-001).

closed: every call is admitted. open: none is. half-open: a few probes are admitted; when all of them
succeed it closes, when one fails it opens again. Time is an argument.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, assert_never

if TYPE_CHECKING:
    from datetime import datetime


class Circuit(StrEnum):
    """The states, from best to worst."""

    CLOSED = "closed"
    HALF_OPEN = "half-open"
    OPEN = "open"


class Result(StrEnum):
    """The meaning of a completed call for its destination."""

    SUCCESS = "success"
    FAILURE = "failure"
    NEITHER = "neither"
    """The call was cancelled, or the message itself was at fault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """When a breaker opens, for how long, and how many probes must succeed to close it."""

    failure_threshold: int = 3
    open_seconds: float = 30.0
    probes: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """Permission for one call, whose result must be reported whatever it is."""

    generation: int
    """The generation of the breaker that admitted the call; a report to a later one has no effect."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """The breaker of one destination."""

    limits: Limits = Limits()
    generation: int = 0
    """Grows whenever the breaker opens or closes."""
    opened_at: datetime | None = None
    """None while closed."""
    failures: int = 0
    """While closed: failures since the last success."""
    probing: int = 0
    """While half-open: running probes."""
    passed: int = 0
    """While half-open: probes that succeeded."""

    @property
    def probe_at(self) -> datetime | None:
        """The time from which probes are admitted; None while closed."""
        if self.opened_at is None:
            return None
        return self.opened_at + timedelta(seconds=self.limits.open_seconds)

    def circuit(self, now: datetime) -> Circuit:
        """Return the state at a time."""
        probe_at = self.probe_at
        if probe_at is None:
            return Circuit.CLOSED
        return Circuit.OPEN if now < probe_at else Circuit.HALF_OPEN


def admit(breaker: Breaker, now: datetime) -> tuple[Breaker, Admission | None]:
    """Return the breaker after a request for admission, and the admission; None is a rejection."""
    admission = Admission(generation=breaker.generation)
    match breaker.circuit(now):
        case Circuit.CLOSED:
            return breaker, admission
        case Circuit.HALF_OPEN if breaker.probing + breaker.passed < breaker.limits.probes:
            return replace(breaker, probing=breaker.probing + 1), admission
        case _:
            return breaker, None


def report(breaker: Breaker, admission: Admission, result: Result, now: datetime) -> Breaker:
    """Return the breaker after an admitted call."""
    if admission.generation != breaker.generation:
        return breaker
    if breaker.opened_at is None:
        return _report_closed(breaker, result, now)
    return _report_probe(breaker, result, now)


def _report_closed(breaker: Breaker, result: Result, now: datetime) -> Breaker:
    match result:
        case Result.SUCCESS:
            return replace(breaker, failures=0)
        case Result.NEITHER:
            return breaker
        case Result.FAILURE:
            failures = breaker.failures + 1
            if failures < breaker.limits.failure_threshold:
                return replace(breaker, failures=failures)
            return _opened(breaker, now)
    assert_never(result)


def _report_probe(breaker: Breaker, result: Result, now: datetime) -> Breaker:
    match result:
        case Result.NEITHER:
            return replace(breaker, probing=breaker.probing - 1)
        case Result.FAILURE:
            return _opened(breaker, now)
        case Result.SUCCESS:
            passed = breaker.passed + 1
            if passed < breaker.limits.probes:
                return replace(breaker, probing=breaker.probing - 1, passed=passed)
            return Breaker(limits=breaker.limits, generation=breaker.generation + 1)
    assert_never(result)


def _opened(breaker: Breaker, now: datetime) -> Breaker:
    return Breaker(limits=breaker.limits, generation=breaker.generation + 1, opened_at=now)
