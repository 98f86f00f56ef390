"""Each replica holds a Lease: rate limits are divided by their number, and the operator can tell an absent gateway from a silent sender."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import structlog

from notification_contract import names
from notification_operator.domain.json_values import format_time, mapping, text
from notification_operator.kube.requests import KubeError
from notification_operator.leadership.lease import STALE_AFTER, Lease, ObservedLease

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from notification_operator.leadership.lease import KubeLeases

logger = structlog.get_logger(__name__)

LABELS: Final = {
    "app.kubernetes.io/name": names.GATEWAY,
    "app.kubernetes.io/component": "presence",
}
SUFFIX: Final = "-presence"
"""Follows the name of the replica in the name of its Lease."""
RENEWALS: Final = 3
"""Renewals within the duration of a Lease."""


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
        self._observed: dict[str, ObservedLease] = {}
        self._error = ""

    @property
    def replicas(self) -> frozenset[str]:
        """The replicas with a live Lease, as this one observes them; this one is always included."""
        others = (each.lease.holder for each in self._observed.values() if each.live and each.lease)
        return frozenset((self._replica, *others))

    async def run(self) -> None:
        """Renew and observe until cancelled."""
        while True:
            try:
                await self.renew()
            except KubeError as error:
                self._report(str(error))
            else:
                self._report("")
            await asyncio.sleep(self._lease_seconds / RENEWALS)

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
        time = format_time(self._clock())
        if self._own is None:
            await self._acquire(time)
            return
        spec = {**self._own["spec"], "renewTime": time, "leaseDurationSeconds": self._lease_seconds}
        try:
            self._own = await self._leases.replace({**self._own, "spec": spec})
        except KubeError as error:
            if not (error.not_found or error.conflict):
                raise
            # Deleted, or written by a process before this one: it is found in the listing.
            self._own = None

    async def _acquire(self, time: str) -> None:
        for lease in await self._leases.list():
            if lease["metadata"]["name"] == self._name:
                self._own = lease
                await self._renew()
                return
        body = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": self._name, "labels": LABELS},
            "spec": {
                "holderIdentity": self._replica,
                "acquireTime": time,
                "renewTime": time,
                "leaseDurationSeconds": self._lease_seconds,
            },
        }
        self._own = await self._leases.create(body)

    async def _observe(self) -> None:
        found = {
            lease["metadata"]["name"]: Lease(lease)
            for lease in await self._leases.list()
            if LABELS.items() <= mapping(lease["metadata"].get("labels")).items()
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
