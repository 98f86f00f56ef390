"""Searches for schedules that violate an invariant, and shrinks them to short traces."""

from __future__ import annotations

import math
import random
from functools import partial
from itertools import chain, count, islice
from typing import TYPE_CHECKING, NamedTuple

from tests.simulation.schedule import Outcome, has_incidents, run_schedule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from concurrent.futures import Executor

    from atomic_status import StatusStore
    from tests.simulation.process import Process

    Store = Callable[[Process], StatusStore]

CHOICES_LENGTH = 1200
"""Bytes: more than nearly every schedule uses."""
CANDIDATES = 12
"""Violating schedules that are searched."""
SHRUNK = 4
"""Candidates that are shrunk, to return the one with the shortest trace: the ones with the earliest violations."""
SHARE = 20
"""Seeds per task of a process pool."""
SLACK_SECONDS = 12.0
"""How much later a violation may happen in a shrunk schedule: a disturbance that is made harmless takes 11 s."""


def choices(seed: int) -> bytes:
    """Return the choices of a seed, always the same."""
    return random.Random(seed).randbytes(CHOICES_LENGTH)  # noqa: S311 - a schedule, not a secret


def with_incidents(first: int, number: int) -> Sequence[int]:
    """Return so many seeds whose schedules have incidents, from the first seed on."""
    return list(islice((seed for seed in count(first) if has_incidents(choices(seed))), number))


class Checked(NamedTuple):
    """The first of some seeds whose schedule violates an invariant, and what there was until then."""

    violating: int | None
    overtaken: int
    """Successes that were lost in the one unavoidable way; see `Invariants`."""
    incidents: int


def check(seeds: Iterable[int]) -> Checked:
    """Run the schedules of seeds, up to the first one that violates an invariant."""
    overtaken = incidents = 0
    for seed in seeds:
        outcome = run_schedule(choices(seed))
        overtaken += outcome.overtaken
        incidents += outcome.incidents
        if outcome.violation:
            return Checked(seed, overtaken, incidents)
    return Checked(None, overtaken, incidents)


def find(seeds: Iterable[int], *, violation: str = "", store: Store | None = None) -> int | None:
    """Return the first seed whose schedule violates an invariant with these words, if any."""
    return next((seed for seed in seeds if _violates(run_schedule(choices(seed), store), violation)), None)


def violating(seeds: Iterable[int], *, violation: str, store: Store | None = None) -> list[tuple[int, int]]:
    """Return each seed whose schedule violates an invariant with these words, after its number of choices."""
    outcomes = ((run_schedule(choices(seed), store), seed) for seed in seeds)
    return [(outcome.choices, seed) for outcome, seed in outcomes if _violates(outcome, violation)]


def shortest(data: bytes, *, violation: str = "", store: Store | None = None) -> bytes:
    """Return choices that violate the invariant with as few and as harmless choices as possible.

    Parts of the choices are cut out or made harmless, smaller parts in each round, down to single choices, as long
    as the violation remains.
    """
    shrinker = _Shrinker(violation, store)
    data = shrinker.used_choices(data) or data
    step = len(data)
    while step > 1:
        step //= 2
        shorter = shrinker.without_parts(data, step)
        while step == 1 and shorter != data:
            data, shorter = shorter, shrinker.without_parts(shorter, step)
        data = shorter
    return data


class _Shrinker:
    """Runs shorter schedules, each no longer than it can still make a shorter trace."""

    def __init__(self, violation: str, store: Store | None) -> None:
        self._violation = violation
        self._store = store
        self._time_limit = math.inf

    def used_choices(self, data: bytes) -> bytes | None:
        """Return the choices that were used up to the violation; None without one, or with a much later one."""
        outcome = run_schedule(data, self._store, time_limit=self._time_limit)
        if not _violates(outcome, self._violation):
            return None
        self._time_limit = outcome.seconds + SLACK_SECONDS
        return data[: outcome.choices].rstrip(b"\0")

    def without_parts(self, data: bytes, step: int) -> bytes:
        """Return the choices without as many parts of a length as possible."""
        start = 0
        while start < len(data):
            end = start + step
            head, harmless = data[:start], bytes(len(data[start:end]))
            # Cut out, made harmless, or made harmless together with the choice that depends on the part.
            candidates = (head + data[end:], head + harmless + data[end + 1 :], head + harmless + data[end:])
            attempts = (self.used_choices(each) for each in candidates if each != data)
            better = next((each for each in attempts if each is not None), None)
            if better is None or len(better) == len(data):
                start = end
            data = data if better is None else better
        return data


def simplest(
    seeds: Sequence[int], *, violation: str, pool: Executor, store: Store | None = None
) -> bytes | None:
    """Return the choices with the shortest trace among the first few seeds that violate the invariant, if any.

    The processes of the pool share the work; their number does not change the result.
    """
    shares = [seeds[start : start + SHARE] for start in range(0, len(seeds), SHARE)]
    futures = [pool.submit(violating, share, violation=violation, store=store) for share in shares]
    first = list(islice(chain.from_iterable(future.result() for future in futures), CANDIDATES))
    for future in futures:
        future.cancel()
    candidates = [choices(seed) for _, seed in sorted(first)[:SHRUNK]]
    shrunk = pool.map(partial(shortest, violation=violation, store=store), candidates)
    return min(shrunk, key=lambda data: len(trace(data, store).trace), default=None)


def trace(data: bytes, store: Store | None = None) -> Outcome:
    """Return the outcome of some choices, with the trace up to the first violation."""
    outcome = run_schedule(data, store)
    lines = outcome.trace
    end = next((index for index, line in enumerate(lines) if "VIOLATION" in line), len(lines))
    outcome.trace = lines[: end + 1]
    return outcome


def _violates(outcome: Outcome, violation: str) -> bool:
    return bool(outcome.violation) and violation in outcome.violation
