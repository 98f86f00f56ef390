"""How fast wrong credentials are answered: each address has a few immediate looks into its Secrets, and then five a second."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from notification_domain.flow_control.rate import Bucket, Rate
from notification_runtime.fair.lru import LruMap

if TYPE_CHECKING:
    from collections.abc import Callable

RATE: Final = Rate(per_second=5.0, burst=20)
MOST: Final = 4096
"""Addresses that are remembered, as numbers of eight bytes: strangers choose them."""


class Failures:
    """Makes a wrong credential wait for its turn, whether a source has its address or not: the wait shows nothing.

    Args:
        seconds: a monotonic clock.
    """

    def __init__(self, *, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._turns: LruMap[int, tuple[Bucket, float]] = LruMap(MOST)
        """The bucket of an address, and the time of its latest turn."""

    async def turn(self, namespace: str, name: str) -> None:
        """Wait for the next turn of an address. All who wait share it, as they share the read of a Secret."""
        now, address = self._seconds(), hash((namespace, name))
        bucket, at = self._turns.use(address, lambda: (Bucket.full(RATE, now), now))
        if at <= now:
            at = now + bucket.seconds_until(1, now)
            bucket = bucket.take(1, now)
        self._turns.put(address, (bucket, at))
        await asyncio.sleep(at - now)
