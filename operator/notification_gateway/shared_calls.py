"""Concurrent callers with the same question share one call."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Hashable

Key = TypeVar("Key", bound="Hashable")
Answer = TypeVar("Answer")


class SharedCalls(Generic[Key, Answer]):
    """The calls that are running, by their questions. A caller that is cancelled does not end the call of another one."""

    def __init__(self) -> None:
        self._running: dict[Key, asyncio.Task[Answer]] = {}

    async def get(self, key: Key, call: Callable[[], Coroutine[None, None, Answer]]) -> Answer:
        """Return the answer of the call that is running; of a new one if there is none."""
        task = self._running.get(key)
        if task is None:
            task = self._running[key] = asyncio.create_task(call())
            task.add_done_callback(lambda _task: self._running.pop(key, None))
        return await asyncio.shield(task)
