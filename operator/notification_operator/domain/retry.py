"""When a failed channel may be tried again.

The pause after try n is min(initial x multiplier^(n-1), max), spread by up to ten per cent either
way and kept within [initial, max]. A receiver's own Retry-After makes it longer, never past max.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from notification_operator.domain.model import Attempt, RetryPolicy

SPREAD = 0.1


def pause(policy: RetryPolicy, number: int, *, seed: str, retry_after: float | None = None) -> float:
    """Return the seconds between the end of try `number` and the next one.

    The spread comes from `seed` (the attempt's id), so that every pass, replica and restart
    computes the same time and nothing about it has to be stored.
    """
    plain = min(policy.initial_backoff * float(policy.multiplier) ** (number - 1), policy.max_backoff)
    spread = plain * (1 + SPREAD * _unit(seed))
    clamped = min(max(spread, policy.initial_backoff), policy.max_backoff)
    return min(max(clamped, retry_after or 0.0), policy.max_backoff)


def next_try_at(policy: RetryPolicy, failed: Attempt, *, made: int, seed: str) -> datetime:
    """Return when the channel of a failed try, the `made`th that reached its receiver, may be tried again."""
    seconds = pause(policy, made, seed=seed, retry_after=failed.retry_after)
    return failed.ended + timedelta(seconds=seconds)


def _unit(seed: str) -> float:
    """Return a number in [-1, 1) that depends on the seed alone."""
    digest = hashlib.blake2b(seed.encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**63 - 1
