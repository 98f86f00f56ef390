"""Tasks that come and go: one for each key that is wanted now."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Hashable

Key = TypeVar("Key", bound="Hashable")


class TaskSet(Generic[Key]):
    """Runs one task for each wanted key.

    Args:
        work: what the task of a key does; it ends only when it is cancelled.
    """

    def __init__(self, work: Callable[[Key], Coroutine[None, None, None]]) -> None:
        self._work = work
        self._wanted: frozenset[Key] = frozenset()
        self._changed = asyncio.Event()

    @property
    def wanted(self) -> frozenset[Key]:
        """The keys that have a task, or get one as soon as `run` does."""
        return self._wanted

    def want(self, keys: frozenset[Key]) -> None:
        """Start the tasks of new keys soon, and end those of the others."""
        if keys != self._wanted:
            self._wanted = keys
            self._changed.set()

    async def run(self) -> None:
        """Run the tasks until cancelled; those of new keys start in the order of their texts."""
        tasks: dict[Key, asyncio.Task[None]] = {}
        async with asyncio.TaskGroup() as group:
            while True:
                await self._changed.wait()
                self._changed.clear()
                for key in sorted(tasks.keys() - self._wanted, key=str):
                    tasks.pop(key).cancel()
                for key in sorted(self._wanted - tasks.keys(), key=str):
                    tasks[key] = group.create_task(self._work(key), name=f"watch {key}")
