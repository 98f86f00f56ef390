"""The backoff between two attempts on a channel.

After failure n it is min(initial x multiplier^(n-1), max), with a jitter of up to ten per cent either way,
and within [initial, max]. A receiver's own Retry-After extends it, never past max.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from notification_domain.attempt import Attempt
    from notification_domain.model import RetryPolicy

JITTER = 0.1
MOST_STEPS = 64
"""Keeps the power finite, far beyond the longest backoff."""


def backoff(policy: RetryPolicy, failures: int, *, seed: str, retry_after: float | None = None) -> float:
    """Return the seconds between the end of a failed attempt and the start of the next one.

    The jitter is derived from `seed` (the notification and its failures), so that every reconciliation, replica and restart
    computes the same time and none of it is stored.
    """
    power = float(policy.multiplier) ** min(failures - 1, MOST_STEPS)
    plain = min(policy.initial_backoff * power, policy.max_backoff)
    jittered = plain * (1 + JITTER * _unit(seed))
    clamped = min(max(jittered, policy.initial_backoff), policy.max_backoff)
    return min(max(clamped, retry_after or 0.0), policy.max_backoff)


def next_attempt_at(policy: RetryPolicy, failed: Attempt, *, failures: int, seed: str) -> datetime:
    """Return the time of the next attempt after the last of so many failures that reached the receiver."""
    seconds = backoff(policy, failures, seed=seed, retry_after=failed.retry_after)
    return failed.ended + timedelta(seconds=seconds)


def asked_until(policy: RetryPolicy, failed: Attempt) -> datetime:
    """Return the end of a failed attempt, or of the delay that its receiver asked for, which is never longer than the longest backoff."""
    return failed.ended + timedelta(seconds=min(failed.retry_after or 0.0, policy.max_backoff))


def _unit(seed: str) -> float:
    """Return a number in [-1, 1) that depends on the seed alone."""
    digest = hashlib.blake2b(seed.encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**63 - 1
