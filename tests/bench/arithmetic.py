"""Percentiles, growth, and whether pauses were kept: the arithmetic of the measures. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from tests.harness.readings import SCHEDULING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

JITTER = 0.1
"""The share by which a pause may be longer or shorter than the policy's."""
CLOCKS = 0.002
"""Seconds by which a receiver may see a pause shorter than it was: its answer has a way to go, too."""


def percentile(values: Iterable[float], share: float) -> float:
    """Return the nearest-rank percentile: the least value that `share` (0 to 100) per cent do not exceed.

    Raises:
        ValueError: there are no values.
    """
    ordered = sorted(values)
    if not ordered:
        raise ValueError("no percentile of nothing")
    return ordered[max(math.ceil(len(ordered) * share / 100), 1) - 1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Milliseconds from a creation to the final phase, as the creator sees them."""

    p50: float
    p95: float
    p99: float
    longest: float


def latency(seconds: Sequence[float]) -> Latency:
    """Return the percentiles of some times."""
    p50, p95, p99 = (round(percentile(seconds, share) * 1000, 1) for share in (50, 95, 99))
    return Latency(p50=p50, p95=p95, p99=p99, longest=round(max(seconds) * 1000, 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Pauses:
    """What the receiver saw between the end of a try and the next one, against the policy."""

    nominal: float
    """Seconds."""
    count: int
    shortest: float
    longest: float
    early: int
    """How many were shorter than the policy allows with its jitter."""
    late: int
    """How many were longer, by more than a busy machine may take to begin a try."""


def pauses(histories: Iterable[Sequence[tuple[float, float]]], *nominal: float) -> tuple[Pauses, ...]:
    """Hold the tries of each notification, as begin and end, against the pauses that a policy plans.

    The first pause is never shorter than the policy's. Tries beyond the plan have no pause to be held against.
    """
    measured: list[list[float]] = [[] for _ in nominal]
    for tries in histories:
        for seen, (earlier, later) in zip(measured, pairwise(tries), strict=False):
            seen.append(later[0] - earlier[1])
    return tuple(
        _pauses(plan, nominal[0], seen) for plan, seen in zip(nominal, measured, strict=True) if seen
    )


def _pauses(nominal: float, least: float, seen: Sequence[float]) -> Pauses:
    shortest = max(nominal * (1 - JITTER), least) - CLOCKS
    longest = nominal * (1 + JITTER) + SCHEDULING
    return Pauses(
        nominal=nominal,
        count=len(seen),
        shortest=round(min(seen), 3),
        longest=round(max(seen), 3),
        early=sum(pause < shortest for pause in seen),
        late=sum(pause > longest for pause in seen),
    )


def planned_pauses(tries: int, initial: int, multiplier: int) -> tuple[float, ...]:
    """Return the pauses between so many tries, without jitter."""
    return tuple(float(initial * multiplier**number) for number in range(tries - 1))


def growth(costs: Sequence[float]) -> float:
    """Return by what share the last costs exceed the first, such as 0.15; negative when they are less."""
    return (costs[-1] - costs[0]) / costs[0]
