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
SHORTEST_STEP = 4


def tape(seed: int) -> bytes:
    """Return the tape of a seed, always the same."""
    return random.Random(seed).randbytes(TAPE_LENGTH)  # noqa: S311 - a schedule, not a secret


def find(seeds: Iterable[int], *, promise: str = "", store: Store | None = None) -> int | None:
    """Return the first seed whose schedule breaks a promise with these words, if any does."""
    for seed in seeds:
        broken = run_schedule(tape(seed), store).broken
        if broken and promise in broken:
            return seed
    return None


def shortest(data: bytes, *, promise: str = "", store: Store | None = None) -> bytes:
    """Return a tape that breaks the promise in as few and as harmless choices as can be found.

    Parts of the tape are made harmless or cut out, smaller parts each round, as long as the promise
    still breaks.
    """

    def breaks(candidate: bytes) -> bool:
        broken = run_schedule(candidate, store).broken
        return bool(broken) and promise in broken

    data = data.rstrip(b"\0")
    step = len(data) // 2
    while step >= SHORTEST_STEP:
        start = 0
        while start < len(data):
            end = start + step
            quiet = data[:start] + bytes(len(data[start:end])) + data[end:]
            candidates = (data[:start] + data[end:], quiet)
            found = next((each for each in candidates if each != data and breaks(each)), None)
            if found is None or found == quiet:
                start = end
            data = data if found is None else found
        step //= 2
    return data.rstrip(b"\0")


def story(data: bytes, store: Store | None = None) -> Outcome:
    """Return what happens on a tape, up to the first broken promise."""
    outcome = run_schedule(data, store)
    lines = outcome.story
    end = next((index for index, line in enumerate(lines) if "BROKEN" in line), len(lines))
    outcome.story = lines[: end + 1]
    return outcome
