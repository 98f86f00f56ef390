"""The port of the kit: a store that reads past every cache and replaces one status."""

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

    One call is one request: a store neither retries nor waits. Returned objects belong to the caller; a
    store never returns the same one twice. `atomic_status.testing.CONFORMANCE` checks any store for all of
    this.
    """

    async def read(self, ref: ObjectRef) -> JsonObject:
        """Return the object as the API server has it now, past every cache (SP-CACHE-001).

        Only namespace and name count; `apply` compares the uid.

        Raises:
            Gone: there is no object of that name.
            Rejected: the API server refuses the request permanently.
            Unavailable: there is no usable response.
        """
        ...

    async def replace_status(self, obj: JsonObject) -> JsonObject:
        """Replace the status by `obj["status"]` if the object still has `obj`'s uid and resourceVersion.

        Nothing but the status is written, and `obj` is not changed.

        Returns:
            The object as stored.

        Raises:
            Conflict: the stored object has another resourceVersion or uid.
            Gone: there is no object of that name.
            Rejected: the API server refuses the request permanently.
            Unavailable: there is no usable response; the write may or may not have been applied.
        """
        ...
