"""Percentiles, growth, and the evaluation of retry delays. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from tests.harness.readings import SCHEDULING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

JITTER = 0.1
"""The share by which a delay may differ from the policy's."""
CLOCKS = 0.002
"""Seconds by which a receiver may see a shorter delay, because its response takes time."""


def percentile(values: Iterable[float], share: float) -> float:
    """Return the nearest-rank percentile: the smallest value that `share` (0 to 100) percent do not exceed.

    Raises:
        ValueError: there are no values.
    """
    ordered = sorted(values)
    if not ordered:
        raise ValueError("no percentile of nothing")
    return ordered[max(math.ceil(len(ordered) * share / 100), 1) - 1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Milliseconds from creation to final phase, as the client sees them."""

    p50: float
    p95: float
    p99: float
    longest: float


def latency(seconds: Sequence[float]) -> Latency:
    p50, p95, p99 = (round(percentile(seconds, share) * 1000, 1) for share in (50, 95, 99))
    return Latency(p50=p50, p95=p95, p99=p99, longest=round(max(seconds) * 1000, 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Pauses:
    """The delays that the receiver saw between attempts, compared with the policy."""

    nominal: float
    """Seconds."""
    count: int
    shortest: float
    longest: float
    early: int
    """Delays shorter than the policy allows with its jitter."""
    late: int
    """Delays longer than that, plus the tolerance for a busy machine."""


def pauses(histories: Iterable[Sequence[tuple[float, float]]], *nominal: float) -> tuple[Pauses, ...]:
    """Compare the attempts of each notification (start, end) with the planned delays.

    The first delay is never shorter than planned. Attempts beyond the plan are ignored.
    """
    measured: list[list[float]] = [[] for _ in nominal]
    for attempts in histories:
        for seen, (earlier, later) in zip(measured, pairwise(attempts), strict=False):
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


def planned_pauses(attempts: int, initial: int, multiplier: int) -> tuple[float, ...]:
    """Return the delays between so many attempts, without jitter."""
    return tuple(float(initial * multiplier**number) for number in range(attempts - 1))


def growth(costs: Sequence[float]) -> float:
    """Return the relative increase from the first to the last cost, such as 0.15; negative for a decrease."""
    return (costs[-1] - costs[0]) / costs[0]
