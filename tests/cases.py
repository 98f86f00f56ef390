"""How much of a test runs: everything in `make test`, a part in `make unit`, which is run after each edit."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

Value = TypeVar("Value")

QUICK: Final = os.environ.get("QUICK_TESTS") == "1"
SHARE: Final = 20
LOAD_SHARE: Final = 5


def cases(number: int) -> int:
    """Return how many of so many random cases a test runs."""
    return max(number // SHARE, 1) if QUICK else number


def some(values: Sequence[Value]) -> Sequence[Value]:
    """Return those of some similar values that a test runs with."""
    return values[::SHARE] if QUICK else values


def load(number: int) -> int:
    """Return how many of so many notifications or seconds a simulated load has."""
    return number // LOAD_SHARE if QUICK else number


def length(characters: int) -> int:
    """Return how long a hostile text is."""
    return characters // SHARE if QUICK else characters
