"""Waiting for a condition; the error shows the last value."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Seen = TypeVar("Seen")


def eventually(
    look: Callable[[], Seen], until: Callable[[Seen], bool], *, within: float = 30.0, every: float = 0.1
) -> Seen:
    """Call `look` until the condition holds, and return the value; times in seconds.

    Raises:
        AssertionError: the condition did not hold in time; the message shows the last value.
    """
    for seen in _looks(look, during=within, every=every):
        if until(seen):
            return seen
    raise AssertionError(f"not within {within:g} s; last seen:\n{_shown(seen)}")


def steadily(
    look: Callable[[], Seen], holds: Callable[[Seen], bool], *, during: float, every: float = 0.2
) -> Seen:
    """Call `look` repeatedly for `during` seconds; the condition must hold each time.

    Raises:
        AssertionError: the condition did not hold once; the message shows the value.
    """
    for seen in _looks(look, during=during, every=every):
        if not holds(seen):
            raise AssertionError(f"did not hold; seen:\n{_shown(seen)}")
    return seen


def _looks(look: Callable[[], Seen], *, during: float, every: float) -> Iterator[Seen]:
    """Yield a value immediately, and then repeatedly until the time is over.

    The last look begins after that: a slow one that began before it shows what was earlier.
    """
    deadline = time.monotonic() + during
    while True:
        begun = time.monotonic()
        yield look()
        if begun >= deadline:
            return
        # The only sleep of the harness: conditions are checked, never assumed after a while.
        time.sleep(every)


def _shown(seen: object) -> str:
    return json.dumps(seen, indent=2, default=str, ensure_ascii=False)
