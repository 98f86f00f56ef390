"""The key of an object: what queues, budgets and observers know it by."""

from __future__ import annotations

from hashlib import sha256
from typing import NamedTuple


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
