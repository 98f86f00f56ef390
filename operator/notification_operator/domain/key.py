"""The key of an object: what queues, budgets and observers know it by."""

from __future__ import annotations

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
        return f"{self.namespace}/{self.incident}" if self.incident else self.uid
