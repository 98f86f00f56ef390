"""The rates of messages: of a source as its spec says, of a namespace and of all as the settings say. Each replica accepts its share."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from notification_domain.flow_control.rate import Bucket, Rate
from notification_runtime.fair.lru import LruMap

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from notification_contract.sources.source import NotificationSource

MOST: Final = 8192
"""Sources and namespaces that are remembered."""
BURST_SECONDS: Final = 5.0
"""A namespace that was quiet may send as many messages without a break as its rate permits in so many seconds."""
SENDING_SECONDS: Final = 2.0
"""A namespace counts as sending for so long after a message."""


class Limits:
    """Counts the authenticated messages of each source and of each namespace.

    Namespaces that have sent lately have equal parts of the rate of all.

    Args:
        per_namespace: the messages a second of a namespace.
        total: the messages a second of all namespaces.
        replicas: returns the number of replicas of the gateway.
        seconds: a monotonic clock.
    """

    def __init__(
        self,
        *,
        per_namespace: float,
        total: float,
        replicas: Callable[[], int],
        seconds: Callable[[], float],
    ) -> None:
        self._per_namespace = per_namespace
        self._total = total
        self._replicas = replicas
        self._seconds = seconds
        self._buckets: LruMap[str, Bucket] = LruMap(MOST)
        """By the uid of a source, or a namespace."""
        self._senders: dict[str, float] = {}
        """When each namespace that sends now did so last; the oldest one is first."""

    def take(self, source: NotificationSource) -> float:
        """Count a message; return the seconds until the source may send again, 0 if it may now. A refused one is not counted."""
        now, buckets = self._seconds(), self._present(source)
        wait = max(each.seconds_until(1, now) for each in buckets.values())
        for key, bucket in buckets.items():
            self._buckets.put(key, bucket if wait else bucket.take(1, now))
        return wait

    def charge(self, source: NotificationSource, messages: int) -> None:
        """Count the further messages of an accepted batch; the next post waits for them."""
        now = self._seconds()
        for key, bucket in self._present(source).items():
            self._buckets.put(key, bucket.take(messages, now))

    def _present(self, source: NotificationSource) -> Mapping[str, Bucket]:
        """Return the buckets of a source and its namespace with the rates that hold now."""
        now, limit, replicas = self._seconds(), source.spec.rate_limit, max(self._replicas(), 1)
        per_second = min(self._per_namespace, self._total / self._sending(source.namespace, now)) / replicas
        burst = max(int(per_second * BURST_SECONDS), 1)
        rates = {
            source.uid: Rate(per_second=limit.per_second / replicas, burst=max(limit.count // replicas, 1)),
            source.namespace: Rate(per_second=per_second, burst=burst),
        }
        return {key: self._bucket(key, rate, now) for key, rate in rates.items()}

    def _sending(self, namespace: str, now: float) -> int:
        """Return the number of namespaces that send now, with this one."""
        self._senders.pop(namespace, None)
        self._senders[namespace] = now
        while now - self._senders[oldest := next(iter(self._senders))] >= SENDING_SECONDS:
            del self._senders[oldest]
        return len(self._senders)

    def _bucket(self, key: str, rate: Rate, now: float) -> Bucket:
        bucket = self._buckets.use(key, lambda: Bucket.full(rate, now))
        if bucket.rate == rate:
            return bucket
        return replace(bucket, rate=rate, tokens=bucket.tokens_at(now), at=now)
