"""The shares of namespaces in a rate limit whose excess is suppressed: nothing waits there, so no line gives them turns (DD-FAIR-001)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from notification_domain.flow_control.rate import TOLERANCE, Bucket, Rate
from notification_runtime.fair.lru import LruMap

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_NAMESPACES: Final = 256
"""Namespaces of a destination whose shares are remembered; the one that asked longest ago gives way."""


class Shares:
    """An equal part of the rate for each namespace that has asked within the period, which begins with one message."""

    def __init__(self) -> None:
        self._buckets: LruMap[str, Bucket] = LruMap(MOST_NAMESPACES)
        """By namespace; the one that asked longest ago is first."""

    def ask(self, namespace: str, rate_limit: Bucket, now: float) -> bool:
        """Return whether a namespace has a message of its share left, although others have used up the rate limit.

        The messages that it sends then are missing to the others. They are never more than a burst.
        """
        rate = rate_limit.rate
        for idle in list(self._idle(now - rate.burst / rate.per_second)):
            self._buckets.pop(idle)
        known = self._buckets.get(namespace)
        count = len(self._buckets) + (known is None)
        share = Rate(per_second=rate.per_second / count, burst=max(1, rate.burst // count))
        tokens = 1.0 if known is None else min(known.tokens_at(now), float(share.burst))
        self._buckets.put(namespace, Bucket(rate=share, tokens=tokens, at=now))
        return count > 1 and tokens >= 1.0 - TOLERANCE and rate_limit.tokens_at(now) > -rate.burst

    def take(self, namespace: str, messages: int, now: float) -> None:
        """Use up messages of the share of a namespace; it owes none for what the others left."""
        bucket = self._buckets.get(namespace)
        if bucket is not None:
            left = max(0.0, bucket.tokens_at(now) - messages)
            self._buckets.put(namespace, replace(bucket, tokens=left, at=now))

    def _idle(self, since: float) -> Iterator[str]:
        """Iterate over the namespaces that have not asked since a time."""
        for namespace, bucket in self._buckets.items():
            if bucket.at >= since:
                return
            yield namespace
