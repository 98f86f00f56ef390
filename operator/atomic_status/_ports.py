"""What the kit asks of the outside: a store that reads past every cache and writes one status."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

JsonObject: TypeAlias = dict[str, Any]
"""A Kubernetes object or a part of it, as decoded from JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectRef:
    """Names one namespaced object; with a `uid`, one incarnation of it."""

    namespace: str
    name: str
    uid: str | None = None

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


class StatusStore(Protocol):
    """Reads objects and replaces their status, with optimistic concurrency.

    Both calls raise `Gone`, `Rejected` or `Unavailable`. The objects handed out are the caller's
    own; a store never hands out the same one twice.
    """

    async def read(self, ref: ObjectRef) -> JsonObject:
        """Return the object as the API server has it now, past every cache (SP-CACHE-001)."""
        ...

    async def replace_status(self, obj: JsonObject) -> JsonObject:
        """Replace the status by `obj["status"]` if the object still has `obj`'s resourceVersion.

        Returns:
            The object as stored.

        Raises:
            Conflict: the stored resourceVersion is another one.
        """
        ...
