"""The time limit of an attempt, which starts when its message is composed: others may be composed before."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

_LIMIT: Final[ContextVar[tuple[asyncio.Timeout, float] | None]] = ContextVar("_LIMIT", default=None)
"""The time limit of the attempt that the current task makes, and its seconds."""


@asynccontextmanager
async def time_limit(seconds: float) -> AsyncIterator[None]:
    """Limit the time of an attempt.

    Raises:
        TimeoutError: it takes longer.
    """
    async with asyncio.timeout(seconds) as limit:
        token = _LIMIT.set((limit, seconds))
        try:
            yield
        finally:
            _LIMIT.reset(token)


@contextmanager
def uncounted() -> Iterator[None]:
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
