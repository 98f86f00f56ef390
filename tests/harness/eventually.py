"""Waiting for what must come true, with the last thing seen in the message when it does not."""

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
    """Look until it is as wanted, and return what was seen; times in seconds.

    Raises:
        AssertionError: it did not come true in time; the message shows what was seen last.
    """
    for seen in _looks(look, during=within, every=every):
        if until(seen):
            return seen
    raise AssertionError(f"not within {within:g} s; last seen:\n{_shown(seen)}")


def steadily(
    look: Callable[[], Seen], holds: Callable[[Seen], bool], *, during: float, every: float = 0.2
) -> Seen:
    """Look again and again for `during` seconds; it must hold each time.

    Raises:
        AssertionError: it did not hold once; the message shows what was seen then.
    """
    for seen in _looks(look, during=during, every=every):
        if not holds(seen):
            raise AssertionError(f"did not hold; seen:\n{_shown(seen)}")
    return seen


def _looks(look: Callable[[], Seen], *, during: float, every: float) -> Iterator[Seen]:
    """Look at once, and then again and again until the time is over."""
    deadline = time.monotonic() + during
    while True:
        yield look()
        if time.monotonic() > deadline:
            return
        # The time between two looks: what is waited for is looked at, and never hoped to be there by now.
        time.sleep(every)


def _shown(seen: object) -> str:
    return json.dumps(seen, indent=2, default=str, ensure_ascii=False)
