"""The key of an object: what queues, budgets and observers know it by; its shard, and the assignment of shards to replicas."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

OFFSET, PRIME, BITS = 0xCBF29CE484222325, 0x100000001B3, 64
"""Parameters of the 64-bit FNV-1a hash."""
HASH_LIMIT = 2**BITS - 1


class Key(NamedTuple):
    """One incarnation of an object: a new object of the same name has another uid."""

    namespace: str
    name: str
    uid: str
    incident: str = ""
    """`spec.dedupKey`: the notifications of an incident are worked on by one process (DD-INCIDENT-001)."""

    @property
    def shard_key(self) -> str:
        """What the shard of the object is found by."""
        if not self.incident:
            return self.uid
        # The hash of shards is made for uids: it puts names that differ at their ends only into one shard.
        return sha256(f"{self.namespace}/{self.incident}".encode(errors="replace")).hexdigest()


def shard_of(key: str, count: int) -> int:
    """Return the shard of what has this key, from 0 to count - 1: an equal range of the hash of it."""
    if count == 1:
        return 0
    value = OFFSET
    for byte in key.encode():
        value = ((value ^ byte) * PRIME) & HASH_LIMIT
    return (value * count) >> BITS


def assign_shards(holders: Sequence[str | None], members: Collection[str]) -> list[str | None]:
    """Return the member that is to hold each shard: evenly, and with as few moves as possible.

    All processes that see the same holders and members compute the same assignment.

    Args:
        holders: the current holder of each shard, None for no holder; may have ceased to be a member.
        members: the working processes; without any, no shard is assigned.
    """
    if not members:
        return [None] * len(holders)
    count = {member: holders.count(member) for member in members}
    order = sorted(members, key=lambda member: (-count[member], member))
    least, more = divmod(len(holders), len(members))
    left = {member: least + (rank < more) for rank, member in enumerate(order)}
    assigned: list[str | None] = []
    for holder in holders:
        stays = holder is not None and left.get(holder, 0) > 0
        assigned.append(holder if stays else None)
        if stays and holder is not None:
            left[holder] -= 1
    free = (member for member in order for _ in range(left[member]))
    return [next(free) if holder is None else holder for holder in assigned]
