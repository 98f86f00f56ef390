"""Each replica holds a Lease: rate limits are divided by their number, and the operator can tell an absent gateway from a silent sender."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import structlog

from notification_contract import names
from notification_domain.heartbeats.presence import Renewal
from notification_domain.json_values import CLOCK_STEP, format_time, mapping, text
from notification_runtime.kube.requests import KubeError
from notification_runtime.leadership.lease import STALE_AFTER, Lease, ObservedLease

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from notification_runtime.leadership.lease import KubeLeases

logger = structlog.get_logger(__name__)

RENEWALS: Final = 3
"""Renewals within the duration of a Lease, at least."""
RENEWAL_SECONDS: Final = 2.0
"""The longest time between two renewals: the operator calls a beat missing only after a renewal that is younger."""
TRIES: Final = 10
"""Attempts of a renewal whose Lease changes after it was listed: as many as replicas that may start together and want the same Lease."""
OVERTAKEN: Final = {HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY}
"""Answers to a renewal of a Lease that changed after it was listed. 422 is that of a new one whose name another replica has taken."""
NO_LEASE: Final = (
    f"no Lease from {names.GATEWAY_LEASES[0]} to {names.GATEWAY_LEASES[-1]} is free; "
    "the Lease of a replica that is gone is deleted after {} s"
)
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
        self._own: dict[str, Any] | None = None
        """The Lease of this replica as it was written last."""
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
        """List the Leases of all replicas, and renew that of this one.

        Raises:
            KubeError: the API server does not let it, or no Lease is free.
        """
        for attempt in range(1, TRIES + 1):
            await self._observe()
            try:
                await self._renew()
            except KubeError as error:
                if attempt == TRIES or error.status not in OVERTAKEN:
                    raise
            else:
                break
        await self._delete_stale()

    async def leave(self) -> None:
        """Delete the Lease of this replica."""
        own, self._own = self._own, None
        if own is not None:
            try:
                await self._leases.delete(own)
            except KubeError as error:
                logger.warning("Lease not deleted", lease=own["metadata"]["name"], error=str(error))

    async def _renew(self) -> None:
        stored = self._stored()
        if stored is None:
            await self._delete_stale()
            raise KubeError(status=None, reason=NO_LEASE.format(STALE_AFTER * self._lease_seconds))
        now, seconds = self._clock(), self._seconds()
        ahead = now.timestamp() - seconds
        since = self._present_since(now, seconds, ahead)
        # A PUT also creates a Lease. A POST would need a permission that no name limits.
        self._own = await self._leases.replace(self._lease(stored, now, since))
        self._since, self._renewed_at, self._clock_ahead = since, seconds, ahead

    def _stored(self) -> dict[str, Any] | None:
        """Return the Lease of this replica, which a process before this one may have written, or a new one with a free name."""
        for each in self._observed.values():
            if each.lease is not None and each.lease.holder == self._replica:
                return each.lease.body
        free = (name for name in names.GATEWAY_LEASES if name not in self._observed)
        return next(({"metadata": {"name": name}} for name in free), None)

    def _lease(self, stored: dict[str, Any], now: datetime, since: datetime) -> dict[str, Any]:
        metadata = {"labels": names.GATEWAY_PRESENCE_LABELS, **stored["metadata"]}
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
            for each in self._observed.values()
            if each.live and each.lease is not None and each.lease.holder != self._replica
        )
        return min((since, *(each.since for each in others if each is not None and each.renewed >= since)))

    async def _observe(self) -> None:
        listed = {each["metadata"]["name"]: Lease(each) for each in await self._leases.list()}
        found = {name: listed[name] for name in names.GATEWAY_LEASES if name in listed}
        self._observed = {
            name: self._observed.get(name) or ObservedLease(name, self._seconds) for name in found
        }
        for name, lease in found.items():
            self._observed[name].observe(lease)

    async def _delete_stale(self) -> None:
        for each in self._observed.values():
            lease = each.lease
            if lease and lease.holder != self._replica and each.age > STALE_AFTER * lease.seconds:
                try:
                    await self._leases.delete(lease.body)
                except KubeError as error:
                    if not (error.not_found or error.conflict):
                        raise

    def _report(self, error: str) -> None:
        if error and error != self._error:
            logger.warning(
                "Lease of this replica not renewed; retrying", replica=self._replica, error=text(error)
            )
        self._error = error
