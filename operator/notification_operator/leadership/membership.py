"""The replicas as their member Leases show them, and the member Lease of this one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from notification_operator.kube.requests import KubeError
from notification_operator.leadership.lease import ObservedLease

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Mapping

    from notification_operator.kube.leases import KubeLeases
    from notification_operator.leadership.lease import Lease, LeaseCandidate


class Peers:
    """The member Leases of all replicas, and the Leases of shards that this replica does not compete for.

    Args:
        name: the Lease of the first shard, and the prefix of the other Leases.
        clock: monotonic seconds.
    """

    def __init__(self, name: str, *, clock: Callable[[], float]) -> None:
        self._shard_name = re.compile(rf"{re.escape(name)}(-shard-\d+)?")
        self.member_prefix = f"{name}-member-"
        self._clock = clock
        self._foreign_leases: Mapping[str, ObservedLease] = {}
        """Leases of shards that exist only with another number of shards."""
        self._members: Mapping[str, ObservedLease] = {}

    def observe(self, leases: Mapping[str, Lease]) -> None:
        """Take in the Leases as they are now, without the ones that this replica competes for."""
        self._foreign_leases = self._observed(self._foreign_leases, leases, self._is_shard)
        self._members = self._observed(self._members, leases, self._is_member)

    def shard_counts(self, candidates: Iterable[ObservedLease]) -> set[int]:
        """Return the numbers of shards that replicas work with, or are about to."""
        observed = (*candidates, *self._foreign_leases.values())
        return {each.lease.shards for each in observed if each.lease is not None and each.live}

    def identities(self, *, shards: int) -> set[str]:
        """Return the live replicas with this number of shards."""
        live = [each.lease for each in self._members.values() if each.lease is not None and each.live]
        return {lease.holder for lease in live if lease.shards == shards}

    def stale_members(self, *, seconds: float) -> list[Lease]:
        """Return the member Leases that have not changed for so many seconds."""
        members = self._members.values()
        return [each.lease for each in members if each.lease is not None and each.age > seconds]

    def _is_shard(self, name: str) -> bool:
        return self._shard_name.fullmatch(name) is not None

    def _is_member(self, name: str) -> bool:
        return name.startswith(self.member_prefix)

    def _observed(
        self, known: Mapping[str, ObservedLease], leases: Mapping[str, Lease], selects: Callable[[str], bool]
    ) -> Mapping[str, ObservedLease]:
        observed = {}
        for name, lease in leases.items():
            if selects(name):
                observed[name] = known.get(name) or ObservedLease(name, self._clock)
                observed[name].observe(lease)
        return observed


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
