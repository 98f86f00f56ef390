"""The harness that a store's author provides for the conformance suite."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

if TYPE_CHECKING:
    from atomic_status._ports import JsonObject, ObjectRef, StatusStore
    from atomic_status.errors import Rejected, Unavailable

Verb = Literal["GET", "PUT"]
"""A call of a store: `read` or `replace_status`."""


class ContractViolation(AssertionError):  # noqa: N818 - reads as a fact, like the kit's errors
    """A store violates the contract of `StatusStore`; the message says what was expected."""


def require(condition: object, expectation: str) -> None:
    """Check a condition of the contract.

    Raises:
        ContractViolation: the condition is false.
    """
    if not condition:
        raise ContractViolation(expectation)


class StoreHarness(Protocol):
    """A store under test, and other writers of the same objects, past that store.

    The objects are of one kind whose status accepts any field (for an API server:
    `x-kubernetes-preserve-unknown-fields`) and is written through its own subresource. Each check gets a
    harness without objects. The very next read sees every change made here.
    """

    @property
    def store(self) -> StatusStore:
        """The store under test."""
        ...

    async def create(self, name: str, *, spec: JsonObject, status: JsonObject) -> ObjectRef:
        """Create an object with this spec and this status; return its reference with its uid."""
        ...

    async def write_status(self, ref: ObjectRef, status: JsonObject) -> None:
        """Replace the status, as another controller does."""
        ...

    async def write_spec(self, ref: ObjectRef, spec: JsonObject) -> None:
        """Replace the spec, as a user does."""
        ...

    async def delete(self, ref: ObjectRef) -> None:
        """Delete the object; it no longer exists when this returns."""
        ...


class FaultHarness(StoreHarness, Protocol):
    """A harness that can also inject failures of an API server or of the network."""

    async def fail_next(self, verb: Verb, error: Rejected | Unavailable, *, applied: bool = False) -> None:
        """Let the next call of the store fail as this error describes, once.

        Args:
            verb: the call.
            error: `Rejected` with this `code`, or `Unavailable` with this `retry_after`.
            applied: a write takes effect first; only its response is lost.
        """
        ...


Check: TypeAlias = Callable[[StoreHarness], Awaitable[None]]
"""Raises `ContractViolation`, or whatever the store raised against its contract."""
FaultCheck: TypeAlias = Callable[[FaultHarness], Awaitable[None]]
"""A `Check` that needs injected failures."""
