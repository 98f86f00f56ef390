"""A circuit breaker: after failures in a row a receiver is left alone for a while, then probed (DD-BREAKER-001).

closed: everything passes. open: nothing does. half-open: a few probes pass; when all of them succeed
it is closed, when one fails it is open again. Values and functions only; time is an argument.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


class Circuit(StrEnum):
    """The states, from the best to the worst."""

    CLOSED = "closed"
    HALF_OPEN = "half-open"
    OPEN = "open"


class Result(StrEnum):
    """What a call says of the receiver."""

    SUCCESS = "success"
    FAILURE = "failure"
    NEITHER = "neither"
    """It was broken off, or what failed was the message: this says nothing of the receiver."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """When a breaker opens, for how long, and how many probes must succeed to close it."""

    failure_threshold: int = 3
    open_seconds: float = 30.0
    probes: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Permit:
    """Leave to make one call; it has to be reported, whatever comes of the call."""

    spell: int
    """The spell of the breaker that it was given in: in a later one its report says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """What is known of one receiver."""

    limits: Limits = Limits()
    spell: int = 0
    """Grows whenever the breaker opens or closes."""
    opened_at: datetime | None = None
    """None while closed."""
    failures: int = 0
    """While closed: failures since the last success."""
    probing: int = 0
    """While half-open: probes under way."""
    passed: int = 0
    """While half-open: probes that succeeded."""

    @property
    def probe_at(self) -> datetime | None:
        """When probes may begin; None while closed."""
        if self.opened_at is None:
            return None
        return self.opened_at + timedelta(seconds=self.limits.open_seconds)

    def circuit(self, now: datetime) -> Circuit:
        """Return the state at a time."""
        probe_at = self.probe_at
        if probe_at is None:
            return Circuit.CLOSED
        return Circuit.OPEN if now < probe_at else Circuit.HALF_OPEN


def admit(breaker: Breaker, now: datetime) -> tuple[Breaker, Permit | None]:
    """Return the breaker after a call asked to pass, and its permit; None is a refusal."""
    permit = Permit(spell=breaker.spell)
    match breaker.circuit(now):
        case Circuit.CLOSED:
            return breaker, permit
        case Circuit.HALF_OPEN if breaker.probing + breaker.passed < breaker.limits.probes:
            return replace(breaker, probing=breaker.probing + 1), permit
        case _:
            return breaker, None


def report(breaker: Breaker, permit: Permit, result: Result, now: datetime) -> Breaker:
    """Return the breaker after a call that had passed."""
    if permit.spell != breaker.spell:
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
        case Result.FAILURE if breaker.failures + 1 < breaker.limits.failure_threshold:
            return replace(breaker, failures=breaker.failures + 1)
        case Result.FAILURE:
            return _opened(breaker, now)


def _report_probe(breaker: Breaker, result: Result, now: datetime) -> Breaker:
    match result:
        case Result.NEITHER:
            return replace(breaker, probing=breaker.probing - 1)
        case Result.FAILURE:
            return _opened(breaker, now)
        case Result.SUCCESS if breaker.passed + 1 < breaker.limits.probes:
            return replace(breaker, probing=breaker.probing - 1, passed=breaker.passed + 1)
        case Result.SUCCESS:
            return Breaker(limits=breaker.limits, spell=breaker.spell + 1)


def _opened(breaker: Breaker, now: datetime) -> Breaker:
    return Breaker(limits=breaker.limits, spell=breaker.spell + 1, opened_at=now)
