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

    One call is one request: a store neither repeats what fails nor waits. The objects handed out are
    the caller's own; a store never hands out the same one twice. `atomic_status.testing.PROMISES`
    holds all of this against any store.
    """

    async def read(self, ref: ObjectRef) -> JsonObject:
        """Return the object as the API server has it now, past every cache (SP-CACHE-001).

        It goes by namespace and name; whether it is the incarnation that was meant, `apply` sees.

        Raises:
            Gone: there is no object of that name.
            Rejected: the API server refuses the request for good.
            Unavailable: there is no usable answer.
        """
        ...

    async def replace_status(self, obj: JsonObject) -> JsonObject:
        """Replace the status by `obj["status"]` if the object still has `obj`'s uid and resourceVersion.

        Nothing but the status is written, and `obj` stays as it is.

        Returns:
            The object as stored.

        Raises:
            Conflict: the stored resourceVersion is another one, or the object another incarnation.
            Gone: there is no object of that name.
            Rejected: the API server refuses the request for good.
            Unavailable: there is no usable answer; the write may or may not have been applied.
        """
        ...
