"""Outputs whose value decides which resources a program registers."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

# The SDK waits this way for the result of an invoke. It has no public function for it.
from pulumi.runtime.sync_await import _sync_await

if TYPE_CHECKING:
    import pulumi

T = TypeVar("T")


def wait_for(output: pulumi.Output[T]) -> T | None:
    """Wait until an output is resolved and return its value, or None when a preview cannot know it.

    A resource that is registered inside `apply` is missing from every preview that does not know the value. A program
    that waits for the value registers its resources in the open. The value is not marked as a secret any more.
    """
    return _sync_await(value_of(output))


async def value_of(output: pulumi.Output[T]) -> T | None:
    """Return the value of an output once it is resolved, or None when a preview cannot know it."""
    return await output.future() if await output.is_known() else None
