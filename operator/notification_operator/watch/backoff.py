"""The delay before a watch is retried: it grows to a few seconds, never ends, and differs between replicas."""

from __future__ import annotations

from random import random

FIRST, LONGEST = 0.5, 5.0
"""Seconds; doubled with each consecutive failure up to the longest, which bounds the delay after an outage."""
LEAST_SHARE = 0.5
"""The delay is drawn between this share of it and all of it, so that replicas do not return at one moment."""


def delay(failures: int) -> float:
    """Return the seconds to wait after so many consecutive failures, at least one."""
    longest = min(FIRST * 2.0 ** min(failures - 1, 16), LONGEST)
    return longest * (LEAST_SHARE + (1 - LEAST_SHARE) * random())  # noqa: S311 - spreads load, guards nothing
