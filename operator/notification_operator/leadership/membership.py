"""The member Leases: that of this replica, which shows the others that it is alive, and those that dead replicas left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from notification_operator.kube.errors import KubeError

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable

    from notification_operator.kube.leases import KubeLeases
    from notification_operator.leadership.lease import Lease, LeaseCandidate
    from notification_operator.leadership.peers import Peers

STALE_AFTER = 3
"""Lease durations after which the member Lease of a dead replica is deleted."""


class Membership:
    """Keeps the member Lease of this replica, and deletes those of dead ones.

    Args:
        own: the member Lease of this replica.
        identity: that of this replica.
        seconds: the duration of a Lease.
    """

    def __init__(
        self, store: KubeLeases, own: LeaseCandidate, peers: Peers, *, identity: str, seconds: float
    ) -> None:
        self.own = own
        self._store = store
        self._peers = peers
        self._identity = identity
        self._stale_seconds = STALE_AFTER * seconds

    async def keep(self) -> None:
        """Renew the own member Lease, or acquire it.

        Raises:
            KubeError: it cannot be written.
        """
        if self.own.held:
            await self.own.renew()
        else:
            await self.own.acquire()

    async def leave(self) -> None:
        """Delete the own member Lease, so that the others share the work at once.

        Raises:
            KubeError: it cannot be deleted.
        """
        lease = self.own.lease
        if lease is not None and lease.holder == self._identity:
            self.own.lose()
            await self._delete(lease)
            self.own.lease = None

    def stale_cleanup(self) -> Iterable[Coroutine[None, None, None]]:
        """Yield the deletion of each member Lease that has not changed for long."""
        for lease in self._peers.stale_members(seconds=self._stale_seconds):
            yield self._delete(lease)

    async def _delete(self, lease: Lease) -> None:
        try:
            await self._store.delete(lease.body)
        except KubeError as error:
            if not (error.not_found or error.conflict):
                raise
