"""A steady stream of notifications while something happens, and what became of it at the sink."""

from __future__ import annotations

import threading
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.harness.crowd import Crowd

PER_SECOND = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What reached the sink of what was created; times in seconds."""

    created: int
    lost: int
    repeated: int
    longest_pause: float


def outcome(subjects: Sequence[str], hits: Sequence[tuple[float, str]]) -> Outcome:
    """Compare what was created with the times and subjects of the deliveries; a pause is from one of them to the next."""
    times = Counter(subject for _, subject in hits)
    at = sorted(moment for moment, _ in hits)
    return Outcome(
        created=len(subjects),
        lost=sum(times[subject] == 0 for subject in subjects),
        repeated=sum(times[subject] > 1 for subject in subjects),
        longest_pause=max((later - earlier for earlier, later in pairwise(at)), default=0.0),
    )


class Traffic:
    """Creates notifications at a steady rate, in a thread of its own."""

    def __init__(self, crowd: Crowd, **spec: Any) -> None:
        self._crowd = crowd
        self._spec = spec
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._trouble: list[BaseException] = []
        self.subjects: list[str] = []

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def end(self) -> None:
        """Create no more.

        Raises:
            BaseException: a notification could not be created.
        """
        self._ended.set()
        self._thread.join()
        if self._trouble:
            raise self._trouble[0]

    def _run(self) -> None:
        began = time.monotonic()
        try:
            # By the clock and not by pauses, so that a slow answer does not thin the stream out.
            while not self._ended.wait(max(0.0, began + len(self.subjects) / PER_SECOND - time.monotonic())):
                (new,) = self._crowd.create(1, **self._spec)
                self.subjects.append(new["spec"]["subject"])
        except BaseException as error:  # noqa: BLE001 - told by `end`, in the test's own thread
            self._trouble.append(error)


@contextmanager
def traffic(crowd: Crowd, **spec: Any) -> Iterator[Traffic]:
    """Have notifications created during the block."""
    new = Traffic(crowd, **spec)
    new.start()
    try:
        yield new
    finally:
        new.end()
