"""Traffic in the background of a test at a constant rate, and what reached the receiver."""

from __future__ import annotations

import threading
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

Created = TypeVar("Created")


@contextmanager
def traffic(create: Callable[[], Created], *, per_second: float) -> Iterator[list[Created]]:
    """Call `create` at this rate during the block; gives the growing list of results.

    An exception of `create` ends the traffic and is raised at the end of the block.
    """
    created, failures, ended = list[Created](), list[Exception](), threading.Event()

    def run() -> None:
        start = time.monotonic()
        # Measured from the start, so that a slow response does not reduce the rate.
        while not ended.wait(max(0.0, start + len(created) / per_second - time.monotonic())):
            try:
                created.append(create())
            except Exception as error:  # noqa: BLE001 - raised at the end of the block
                failures.append(error)
                return

    thread = threading.Thread(target=run, name="traffic", daemon=True)
    thread.start()
    try:
        yield created
    finally:
        ended.set()
        thread.join()
    if failures:
        raise failures[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What reached the receiver; `longest_gap` is the time between two deliveries, in seconds."""

    created: int
    lost: int
    repeated: int
    longest_gap: float


def outcome(subjects: Sequence[str], deliveries: Sequence[tuple[float, str]]) -> Outcome:
    """Compare the created subjects with the deliveries, each a time and a subject."""
    counts = Counter(subject for _, subject in deliveries)
    times = sorted(moment for moment, _ in deliveries)
    return Outcome(
        created=len(subjects),
        lost=sum(counts[subject] == 0 for subject in subjects),
        repeated=sum(counts[subject] > 1 for subject in subjects),
        longest_gap=max((later - earlier for earlier, later in pairwise(times)), default=0.0),
    )
