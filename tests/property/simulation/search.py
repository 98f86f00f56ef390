"""Searching for a schedule that breaks a promise, and telling its story as shortly as can be."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from tests.property.simulation.world import Outcome, run_schedule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from atomic_status import StatusStore
    from tests.property.simulation.replica import Replica

    Store = Callable[[Replica], StatusStore]

TAPE_LENGTH = 600
"""Bytes: more than nearly every schedule takes."""
STORIES = 12
"""How many breaking schedules are made short, to tell the shortest."""


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
    for seed in seeds:
        broken = run_schedule(tape(seed), store).broken
        if broken and promise in broken:
            return seed
    return None


def shortest(data: bytes, *, promise: str = "", store: Store | None = None) -> bytes:
    """Return a tape that breaks the promise in as few and as harmless choices as can be found.

    Parts of the tape are cut out or made harmless, smaller parts each round, down to single choices, as long
    as the promise still breaks.
    """

    def breaks(candidate: bytes) -> bool:
        broken = run_schedule(candidate, store).broken
        return bool(broken) and promise in broken

    data, step = data.rstrip(b"\0"), len(data)
    while step > 1:
        step //= 2
        shorter = _without_parts(data, step, breaks)
        while step == 1 and shorter != data:
            data, shorter = shorter, _without_parts(shorter, step, breaks)
        data = shorter
    return data


def _without_parts(data: bytes, step: int, breaks: Callable[[bytes], bool]) -> bytes:
    start = 0
    while start < len(data):
        end = start + step
        head, quiet = data[:start], bytes(len(data[start:end]))
        # What is left out, made harmless, or made harmless together with the choice that hangs on it.
        candidates = (head + data[end:], head + quiet + data[end + 1 :], head + quiet + data[end:])
        better = next((each for each in candidates if each != data and breaks(each)), None)
        if better is None or len(better) == len(data):
            start = end
        data = data if better is None else better.rstrip(b"\0")
    return data


def simplest(seeds: Iterable[int], *, promise: str, store: Store | None = None) -> bytes | None:
    """Return the tape of the shortest story among the first few seeds that break the promise, if any does."""
    left = iter(seeds)
    found: list[bytes] = []
    while len(found) < STORIES and (seed := find(left, promise=promise, store=store)) is not None:
        found.append(shortest(tape(seed), promise=promise, store=store))
    return min(found, key=lambda data: len(story(data, store).story), default=None)


def story(data: bytes, store: Store | None = None) -> Outcome:
    """Return what happens on a tape, up to the first broken promise."""
    outcome = run_schedule(data, store)
    lines = outcome.story
    end = next((index for index, line in enumerate(lines) if "BROKEN" in line), len(lines))
    outcome.story = lines[: end + 1]
    return outcome
