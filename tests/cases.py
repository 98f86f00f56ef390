"""The number of random cases of a test: all in `make test`, a twentieth in `make unit`, which is run after each edit."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

Value = TypeVar("Value")

QUICK: Final = os.environ.get("QUICK_TESTS") == "1"
SHARE: Final = 20


def cases(number: int) -> int:
    """Return how many of so many random cases a test runs."""
    return max(number // SHARE, 1) if QUICK else number


def some(values: Sequence[Value]) -> Sequence[Value]:
    """Return those of some similar values that a test runs with."""
    return values[::SHARE] if QUICK else values
