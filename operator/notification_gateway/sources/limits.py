"""The rate limits of sources: each replica accepts its share."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from notification_operator.domain.flow_control.rate import Bucket, Rate
from notification_operator.fair.lru import LruMap

if TYPE_CHECKING:
    from collections.abc import Callable

    from notification_contract.sources.source import NotificationSource

MOST: Final = 4096


class Limits:
    """Counts the authenticated messages of each source.

    Args:
        replicas: returns the number of replicas of the gateway.
        seconds: a monotonic clock.
    """

    def __init__(self, *, replicas: Callable[[], int], seconds: Callable[[], float]) -> None:
        self._replicas = replicas
        self._seconds = seconds
        self._buckets: LruMap[str, Bucket] = LruMap(MOST)

    def take(self, source: NotificationSource) -> float:
        """Count a message; return the seconds until the source may send again, 0 if it may now. A refused one is not counted."""
        now, limit, replicas = self._seconds(), source.spec.rate_limit, max(self._replicas(), 1)
        rate = Rate(per_second=limit.per_second / replicas, burst=max(limit.count // replicas, 1))
        bucket = self._buckets.use(source.uid, lambda: Bucket.full(rate, now))
        if bucket.rate != rate:
            bucket = replace(bucket, rate=rate, tokens=bucket.tokens_at(now), at=now)
        wait = bucket.seconds_until(1, now)
        self._buckets.put(source.uid, bucket if wait else bucket.take(1, now))
        return wait
