"""How a violated invariant is reported."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

CLOCK: Final = timedelta(milliseconds=2)
"""Timestamps in a status are truncated to the precision of their format."""


class InvariantViolation(Exception):  # noqa: N818 - says what happened
    """A schedule violated an invariant."""


def require(condition: object, violation: str) -> None:
    """Raise `InvariantViolation` unless a condition holds."""
    if not condition:
        raise InvariantViolation(violation)
