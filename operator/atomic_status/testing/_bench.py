"""What a store's author brings, so that its promises can be tried on it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

if TYPE_CHECKING:
    from atomic_status._ports import JsonObject, ObjectRef, StatusStore
    from atomic_status.errors import Rejected, Unavailable

Verb = Literal["GET", "PUT"]
"""A call of a store: `read` or `replace_status`."""


class BrokenPromise(AssertionError):  # noqa: N818 - says what happened
    """A store does what it must not; the message says what was expected."""


def demand(holds: object, promise: str) -> None:
    """Raise `BrokenPromise` unless it holds."""
    if not holds:
        raise BrokenPromise(promise)


class Bench(Protocol):
    """A store under test, and other people's hands on the same objects, past that store.

    The objects are of one kind whose status takes any field (for an API server:
    `x-kubernetes-preserve-unknown-fields`) and is written through a subresource of its own. Each
    promise gets a bench without objects. What a hand has done is true for the very next read.
    """

    @property
    def store(self) -> StatusStore:
        """The store under test."""
        ...

    async def create(self, name: str, *, spec: JsonObject, status: JsonObject) -> ObjectRef:
        """Create an object with this spec and this status, and name it, with its uid."""
        ...

    async def write_status(self, ref: ObjectRef, status: JsonObject) -> None:
        """Replace the status, as another controller does."""
        ...

    async def write_spec(self, ref: ObjectRef, spec: JsonObject) -> None:
        """Replace the spec, as a user does."""
        ...

    async def delete(self, ref: ObjectRef) -> None:
        """Delete the object; it is gone when this returns."""
        ...


class TroubledBench(Bench, Protocol):
    """A bench that can let calls fail where an API server or the way to it would."""

    async def fail_next(self, verb: Verb, error: Rejected | Unavailable, *, applied: bool = False) -> None:
        """Let the next call of the store meet what that error stands for, once.

        Args:
            verb: the call.
            error: `Rejected` with this `code`, or `Unavailable` with this `retry_after`.
            applied: a write takes effect first; only its answer is lost.
        """
        ...


Promise: TypeAlias = Callable[[Bench], Awaitable[None]]
"""Raises `BrokenPromise`, or whatever the store raised against its contract."""
TroublePromise: TypeAlias = Callable[[TroubledBench], Awaitable[None]]
"""Likewise, on a bench that makes trouble; such a one is good for a `Promise` too."""
