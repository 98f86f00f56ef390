"""Searching for a schedule that breaks a promise, and telling its story as shortly as can be."""

from __future__ import annotations

import math
import random
from functools import partial
from itertools import chain, islice
from typing import TYPE_CHECKING

from tests.simulation.world import Outcome, run_schedule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from concurrent.futures import Executor

    from atomic_status import StatusStore
    from tests.simulation.replica import Replica

    Store = Callable[[Replica], StatusStore]

TAPE_LENGTH = 600
"""Bytes: more than nearly every schedule takes."""
FOUND = 12
"""How many breaking schedules are looked for."""
STORIES = 4
"""How many of them are made short, to tell the shortest: those that break first, which are short at once."""
SHARE = 20
"""Seeds that a process of a pool is given at once."""
PATIENCE = 12.0
"""Seconds by which a promise may break later on a shorter tape: a tick that is made harmless takes eleven."""


def tape(seed: int) -> bytes:
    """Return the tape of a seed, always the same."""
    return random.Random(seed).randbytes(TAPE_LENGTH)  # noqa: S311 - a schedule, not a secret


def judge(seeds: Iterable[int]) -> tuple[int | None, int]:
    """Return the first seed whose schedule breaks a promise, if any does, and what could not be helped till then.

    That is the number of successes that were lost in the one way that cannot be helped; see `Promises`.
    """
    overtaken = 0
    for seed in seeds:
        outcome = run_schedule(tape(seed))
        overtaken += outcome.overtaken
        if outcome.broken:
            return seed, overtaken
    return None, overtaken


def find(seeds: Iterable[int], *, promise: str = "", store: Store | None = None) -> int | None:
    """Return the first seed whose schedule breaks a promise with these words, if any does."""
    return next((seed for seed in seeds if _breaks(run_schedule(tape(seed), store), promise)), None)


def breaking(seeds: Iterable[int], *, promise: str, store: Store | None = None) -> list[tuple[int, int]]:
    """Return every seed whose schedule breaks a promise with these words, after how many choices it does."""
    outcomes = ((run_schedule(tape(seed), store), seed) for seed in seeds)
    return [(outcome.choices, seed) for outcome, seed in outcomes if _breaks(outcome, promise)]


def shortest(data: bytes, *, promise: str = "", store: Store | None = None) -> bytes:
    """Return a tape that breaks the promise in as few and as harmless choices as can be found.

    Parts of the tape are cut out or made harmless, smaller parts each round, down to single choices, as long
    as the promise still breaks.
    """
    shorten = _Shortener(promise, store)
    data = shorten.tried(data) or data
    step = len(data)
    while step > 1:
        step //= 2
        shorter = shorten.without_parts(data, step)
        while step == 1 and shorter != data:
            data, shorter = shorter, shorten.without_parts(shorter, step)
        data = shorter
    return data


class _Shortener:
    """Tries shorter tapes, each no longer than it can still make a shorter story."""

    def __init__(self, promise: str, store: Store | None) -> None:
        self._promise = promise
        self._store = store
        self._patience = math.inf

    def tried(self, data: bytes) -> bytes | None:
        """Return as much of a tape as was read until the promise broke; None where it did not, or much later."""
        outcome = run_schedule(data, self._store, patience=self._patience)
        if not _breaks(outcome, self._promise):
            return None
        self._patience = outcome.seconds + PATIENCE
        return data[: outcome.choices].rstrip(b"\0")

    def without_parts(self, data: bytes, step: int) -> bytes:
        """Return a tape without as many parts of a length as can be spared."""
        start = 0
        while start < len(data):
            end = start + step
            head, quiet = data[:start], bytes(len(data[start:end]))
            # What is left out, made harmless, or made harmless together with the choice that hangs on it.
            candidates = (head + data[end:], head + quiet + data[end + 1 :], head + quiet + data[end:])
            attempts = (self.tried(each) for each in candidates if each != data)
            better = next((each for each in attempts if each is not None), None)
            if better is None or len(better) == len(data):
                start = end
            data = data if better is None else better
        return data


def simplest(
    seeds: Sequence[int], *, promise: str, pool: Executor, store: Store | None = None
) -> bytes | None:
    """Return the tape of the shortest story among the first few seeds that break the promise, if any does.

    The processes of the pool share the work; how many there are changes nothing about the answer.
    """
    shares = [seeds[start : start + SHARE] for start in range(0, len(seeds), SHARE)]
    told = [pool.submit(breaking, share, promise=promise, store=store) for share in shares]
    first = list(islice(chain.from_iterable(future.result() for future in told), FOUND))
    for future in told:
        future.cancel()
    tapes = [tape(seed) for _, seed in sorted(first)[:STORIES]]
    found = pool.map(partial(shortest, promise=promise, store=store), tapes)
    return min(found, key=lambda data: len(story(data, store).story), default=None)


def story(data: bytes, store: Store | None = None) -> Outcome:
    """Return what happens on a tape, up to the first broken promise."""
    outcome = run_schedule(data, store)
    lines = outcome.story
    end = next((index for index, line in enumerate(lines) if "BROKEN" in line), len(lines))
    outcome.story = lines[: end + 1]
    return outcome


def _breaks(outcome: Outcome, promise: str) -> bool:
    return bool(outcome.broken) and promise in outcome.broken
