"""The threads in which messages are composed: two, of which a namespace has one at a time, in turn with the others.

Everything that a tenant wrote and that takes time goes through `RenderingPool.run`: Markdown, templates, mails.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final, TypeVar

from notification_operator.delivery.daemon_threads import DaemonThreads, SaturatedError
from notification_operator.fair.fair_queue import FairSemaphore

if TYPE_CHECKING:
    import threading
    from collections.abc import AsyncIterator, Callable, Iterator

THREADS: Final = 2
"""More would only compete for the interpreter, and each may hold the memory of a rendering."""
SECONDS: Final = 20.0
"""Time limit of one rendering. The most expensive one takes 0.3 s of a processor, and a pod may get a tenth."""

T = TypeVar("T")

_LIMIT: ContextVar[tuple[asyncio.Timeout, float] | None] = ContextVar("_LIMIT", default=None)
"""The time limit of the attempt that the current task makes, and its seconds."""


class RenderingError(Exception):
    """A rendering did not finish within its time limit."""


class RenderingPool:
    """Computes in other threads.

    Args:
        seconds: time limit of one rendering, without the time until it is its turn.
    """

    def __init__(self, *, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._threads = DaemonThreads(THREADS, name="rendering")
        self._slots = FairSemaphore(THREADS)
        self._turns: dict[str, asyncio.Lock] = {}
        self._users: Counter[str] = Counter()

    async def run(self, namespace: str, work: Callable[[], T]) -> T:
        """Return the result of `work`, which takes no time of the attempt that needs it.

        Raises:
            RenderingError: it takes too long.
            Whatever `work` raises.
        """
        with _uncounted():
            # A caller that is cancelled leaves its thread to nobody: it stays occupied until the work ends.
            return await asyncio.shield(asyncio.ensure_future(self._run(namespace, work)))

    async def _run(self, namespace: str, work: Callable[[], T]) -> T:
        results: list[T] = []

        def call(_abandoned: threading.Event) -> None:
            results.append(work())

        async with self._turn(namespace), self._slots.slot(namespace):
            try:
                await self._threads.run(call, seconds=self._seconds)
            except (TimeoutError, SaturatedError) as error:
                raise RenderingError(f"not rendered within {self._seconds:g} s") from error
        return results.pop()

    @asynccontextmanager
    async def _turn(self, namespace: str) -> AsyncIterator[None]:
        """Wait until nothing else of a namespace is computed."""
        self._users[namespace] += 1
        try:
            async with self._turns.setdefault(namespace, asyncio.Lock()):
                yield
        finally:
            self._users[namespace] -= 1
            if not self._users[namespace]:
                del self._users[namespace], self._turns[namespace]


@asynccontextmanager
async def time_limit(seconds: float) -> AsyncIterator[None]:
    """Limit an attempt; its time starts when the message is composed, because others may be composed before."""
    async with asyncio.timeout(seconds) as limit:
        token = _LIMIT.set((limit, seconds))
        try:
            yield
        finally:
            _LIMIT.reset(token)


@contextmanager
def _uncounted() -> Iterator[None]:
    """Start the time of the attempt again after the block."""
    current = _LIMIT.get()
    if current is None:
        yield
        return
    limit, seconds = current
    limit.reschedule(None)
    try:
        yield
    finally:
        limit.reschedule(asyncio.get_running_loop().time() + seconds)
