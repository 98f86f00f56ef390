"""The other replicas, as this one observes them in their Leases."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from notification_operator.leadership.lease import ObservedLease

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from notification_operator.leadership.lease import Lease


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
