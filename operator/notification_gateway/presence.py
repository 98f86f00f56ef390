"""Each replica holds a Lease: rate limits are divided by their number, and the operator can tell an absent gateway from a silent sender."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import structlog

from notification_contract import names
from notification_operator.domain.heartbeats.presence import Renewal
from notification_operator.domain.json_values import CLOCK_STEP, format_time, mapping, text
from notification_operator.kube.requests import KubeError
from notification_operator.leadership.lease import STALE_AFTER, Lease, ObservedLease

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from notification_operator.leadership.lease import KubeLeases

logger = structlog.get_logger(__name__)

SUFFIX: Final = "-presence"
"""Follows the name of the replica in the name of its Lease."""
RENEWALS: Final = 3
"""Renewals within the duration of a Lease, at least."""
RENEWAL_SECONDS: Final = 2.0
"""The longest time between two renewals: the operator calls a beat missing only after a renewal that is younger."""
TRIES: Final = 2
"""Attempts of a renewal whose Lease is not as it was left."""
BREAK_SECONDS: Final = 5.0
"""A replica that has not renewed for longer was not there: no grace of a heartbeat is shorter."""


class Presence:
    """Holds the Lease of this replica, and observes those of other replicas.

    Args:
        replica: the name of this replica, which is that of its pod.
        lease_seconds: seconds after which a silent replica counts as gone.
        seconds: a monotonic clock.
        clock: the time that is written into the Lease.
    """

    def __init__(
        self,
        leases: KubeLeases,
        *,
        replica: str,
        lease_seconds: int,
        seconds: Callable[[], float],
        clock: Callable[[], datetime],
    ) -> None:
        self._leases = leases
        self._replica = replica
        self._lease_seconds = lease_seconds
        self._seconds = seconds
        self._clock = clock
        self._name = f"{replica}{SUFFIX}"
        self._own: dict[str, Any] | None = None
        self._since: datetime | None = None
        """Since when at least one replica has been there without a break."""
        self._renewed_at = 0.0
        self._clock_ahead = 0.0
        """How far the wall clock was ahead of the monotonic one at the latest renewal, in seconds."""
        self._observed: dict[str, ObservedLease] = {}
        self._error = ""

    @property
    def replicas(self) -> frozenset[str]:
        """The replicas with a live Lease, as this one observes them; this one is always included."""
        others = (each.lease.holder for each in self._observed.values() if each.live and each.lease)
        return frozenset((self._replica, *others))

    async def run(self) -> None:
        """Renew and observe until cancelled."""
        period = min(self._lease_seconds / RENEWALS, RENEWAL_SECONDS)
        while True:
            began = self._seconds()
            try:
                async with asyncio.timeout(period):
                    await self.renew()
            except (KubeError, TimeoutError) as error:
                self._report(str(error) or "no answer")
            else:
                self._report("")
            await asyncio.sleep(max(began + period - self._seconds(), 0.0))

    async def renew(self) -> None:
        """Renew the Lease of this replica, and list those of all replicas.

        Raises:
            KubeError: the API server does not let it.
        """
        await self._renew()
        await self._observe()

    async def leave(self) -> None:
        """Delete the Lease of this replica."""
        own, self._own = self._own, None
        if own is not None:
            try:
                await self._leases.delete(own)
            except KubeError as error:
                logger.warning("Lease not deleted", lease=self._name, error=str(error))

    async def _renew(self) -> None:
        for _ in range(TRIES):
            if self._own is None:
                leases = await self._leases.list()
                self._own = next((each for each in leases if each["metadata"]["name"] == self._name), None)
            now, seconds = self._clock(), self._seconds()
            ahead = now.timestamp() - seconds
            since = self._present_since(now, seconds, ahead)
            try:
                if self._own is None:
                    self._own = await self._leases.create(self._lease({}, now, since))
                else:
                    self._own = await self._leases.replace(self._lease(self._own, now, since))
            except KubeError as error:
                if not (error.not_found or error.conflict):
                    raise
                # Deleted, or written by a process before this one: it is found in the listing.
                self._own = None
            else:
                self._since, self._renewed_at, self._clock_ahead = since, seconds, ahead
                return

    def _lease(self, stored: dict[str, Any], now: datetime, since: datetime) -> dict[str, Any]:
        metadata = {"name": self._name, "labels": names.GATEWAY_PRESENCE_LABELS, **stored.get("metadata", {})}
        annotations = {
            **mapping(metadata.get("annotations")),
            names.PRESENT_SINCE_ANNOTATION: format_time(since),
        }
        spec = {
            "acquireTime": format_time(now),
            **stored.get("spec", {}),
            "holderIdentity": self._replica,
            "renewTime": format_time(now),
            "leaseDurationSeconds": self._lease_seconds,
        }
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            **stored,
            "metadata": {**metadata, "annotations": annotations},
            "spec": spec,
        }

    def _present_since(self, now: datetime, seconds: float, ahead: float) -> datetime:
        """Return since when at least one replica has been there without a break, by the present clock of this one.

        For a replica that has started, could not renew, or whose clock was set, the time begins now. It takes over the earlier
        time of another replica that has renewed since then: after a break for all, the other one says no earlier time.
        """
        since = self._since
        broken = seconds - self._renewed_at > BREAK_SECONDS
        if since is None or broken or abs(ahead - self._clock_ahead) > CLOCK_STEP.total_seconds():
            since = now
        others = (
            Renewal.parse(each.lease.body)
            for name, each in self._observed.items()
            if name != self._name and each.lease is not None and each.live
        )
        return min((since, *(each.since for each in others if each is not None and each.renewed >= since)))

    async def _observe(self) -> None:
        found = {
            lease["metadata"]["name"]: Lease(lease)
            for lease in await self._leases.list()
            if names.GATEWAY_PRESENCE_LABELS.items() <= mapping(lease["metadata"].get("labels")).items()
        }
        self._observed = {
            name: self._observed.get(name) or ObservedLease(name, self._seconds) for name in found
        }
        for name, lease in found.items():
            each = self._observed[name]
            each.observe(lease)
            if name != self._name and each.age > STALE_AFTER * lease.seconds:
                await self._delete_stale(lease)

    async def _delete_stale(self, lease: Lease) -> None:
        try:
            await self._leases.delete(lease.body)
        except KubeError as error:
            if not (error.not_found or error.conflict):
                raise

    def _report(self, error: str) -> None:
        if error and error != self._error:
            logger.warning("Lease of this replica not renewed; retrying", lease=self._name, error=text(error))
        self._error = error
