"""The delay before a watch is retried: it grows to a few seconds, never ends, and differs between replicas."""

from __future__ import annotations

from random import random

FIRST, LONGEST = 0.5, 5.0
"""Seconds; doubled with each consecutive failure up to the longest, which bounds the delay after an outage."""
LONGEST_REFUSED = 30.0
"""The longest delay while the account lacks a permission, where there may be a thousand such watches."""
LEAST_SHARE = 0.5
"""The delay is drawn between this share of it and all of it, so that replicas do not return at one moment."""


def delay(failures: int, *, longest: float | None = None) -> float:
    """Return the seconds to wait after so many consecutive failures, at least one."""
    limit = min(FIRST * 2.0 ** min(failures - 1, 16), LONGEST if longest is None else longest)
    return limit * (LEAST_SHARE + (1 - LEAST_SHARE) * random())  # noqa: S311 - spreads load, guards nothing
