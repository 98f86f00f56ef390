"""Which replica works: the holder of a Lease, as long as it keeps renewing it.

A standby never compares clocks across machines: it watches for the Lease to change, and takes over
when it has not changed for the time that the holder promised. A holder that cannot renew stops
working well before that time is over. An orderly stop hands the Lease back at once.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING

import aiohttp
import structlog
from kubernetes.aio.client import V1Lease, V1LeaseSpec, V1ObjectMeta
from kubernetes.aio.client.exceptions import ApiException

if TYPE_CHECKING:
    from collections.abc import Callable

    from kubernetes.aio.client import CoordinationV1Api

logger = structlog.get_logger(__name__)

NOT_FOUND, CONFLICT = 404, 409
RENEWALS = 6
"""Renewals that fit into the time of a Lease; a holder may miss a few of them."""


class Elector:
    """Competes for one Lease; calls `on_change(True)` when it is won and `on_change(False)` when lost."""

    def __init__(  # noqa: PLR0913 - the Lease's three names, its time, a clock, and who wants to know
        self,
        leases: CoordinationV1Api,
        *,
        namespace: str,
        name: str,
        identity: str,
        seconds: int,
        on_change: Callable[[bool], None],
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._api = leases
        self._clock = clock
        self._namespace = namespace
        self._name = name
        self._identity = identity
        self._seconds = seconds
        self._on_change = on_change
        self._lease: V1Lease | None = None
        self._seen_at = 0.0
        """When the Lease was last seen to change, on this machine's clock."""
        self._renewed_at = 0.0
        self.leading = False
        """Whether this process holds the Lease now."""

    @property
    def period(self) -> float:
        """Seconds between two renewals, and between two looks of a standby."""
        return self._seconds / RENEWALS

    async def run(self) -> None:
        """Compete until cancelled."""
        while True:
            await self._round()
            await asyncio.sleep(self.period)

    async def release(self) -> None:
        """Hand the Lease back, so that a standby need not wait; best effort."""
        if self.leading and self._lease is not None:
            self._set_leading(leading=False)
            self._lease.spec.holder_identity = ""
            try:
                async with asyncio.timeout(self.period):
                    await self._write(self._lease)
            except (ApiException, aiohttp.ClientError, OSError, TimeoutError) as error:
                logger.warning("lease not handed back", error=str(error))

    async def _round(self) -> None:
        began = self._clock()
        try:
            async with asyncio.timeout(self.period):
                held = await self._renew() if self.leading else await self._acquire()
        except (ApiException, aiohttp.ClientError, OSError, TimeoutError) as error:
            logger.warning("lease not reached", error=str(error) or type(error).__name__)
            # The next look ends up to two periods from now, and must not come after a standby's.
            held = self.leading and self._clock() - self._renewed_at + 2 * self.period < self._seconds
        else:
            self._renewed_at = began if held else self._renewed_at
        self._set_leading(leading=held)

    async def _renew(self) -> bool:
        """Renew by the version last written: one call, and a conflict means that it was taken."""
        assert self._lease is not None
        self._lease.spec.renew_time = datetime.now(UTC)
        try:
            await self._write(self._lease)
        except ApiException as error:
            if error.status not in {CONFLICT, NOT_FOUND}:
                raise
            return await self._acquire()
        return True

    async def _acquire(self) -> bool:
        lease = await self._read()
        if lease is None:
            return await self._create()
        self._observe(lease)
        holder = lease.spec.holder_identity
        if holder and holder != self._identity and self._clock() - self._seen_at < self._patience(lease):
            return False
        if holder != self._identity:
            lease.spec.acquire_time = datetime.now(UTC)
            lease.spec.lease_transitions = (lease.spec.lease_transitions or 0) + 1
        lease.spec.holder_identity = self._identity
        lease.spec.lease_duration_seconds = self._seconds
        lease.spec.renew_time = datetime.now(UTC)
        try:
            await self._write(lease)
        except ApiException as error:
            if error.status != CONFLICT:
                raise
            return False
        return True

    def _patience(self, lease: V1Lease) -> float:
        return float(lease.spec.lease_duration_seconds or self._seconds)

    def _observe(self, lease: V1Lease) -> None:
        known = self._lease.metadata.resource_version if self._lease else None
        if lease.metadata.resource_version != known:
            self._seen_at = self._clock()
        self._lease = lease

    async def _read(self) -> V1Lease | None:
        try:
            return await self._api.read_namespaced_lease(self._name, self._namespace)
        except ApiException as error:
            if error.status != NOT_FOUND:
                raise
            return None

    async def _create(self) -> bool:
        now = datetime.now(UTC)
        spec = V1LeaseSpec(
            holder_identity=self._identity,
            lease_duration_seconds=self._seconds,
            acquire_time=now,
            renew_time=now,
            lease_transitions=0,
        )
        body = V1Lease(metadata=V1ObjectMeta(name=self._name, namespace=self._namespace), spec=spec)
        try:
            self._lease = await self._api.create_namespaced_lease(self._namespace, body)
        except ApiException as error:
            if error.status != CONFLICT:
                raise
            return False
        return True

    async def _write(self, lease: V1Lease) -> None:
        self._lease = await self._api.replace_namespaced_lease(self._name, self._namespace, lease)

    def _set_leading(self, *, leading: bool) -> None:
        if leading is not self.leading:
            self.leading = leading
            logger.info("lease won" if leading else "lease lost", lease=f"{self._namespace}/{self._name}")
            self._on_change(leading)
