"""A bounded number of threads for calls that may hang: nothing else waits for them, not even the end of the process."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class SaturatedError(Exception):
    """Every thread is occupied by a call that its caller has abandoned."""


class DaemonThreads:
    """Runs each call in a thread of its own.

    The default executor of asyncio is shared with name resolution, and Python joins its threads at the exit.
    """

    def __init__(self, count: int, *, name: str) -> None:
        self._count = count
        self._name = name
        self._free = asyncio.Semaphore(count)
        self.abandoned = 0
        """Calls that still run although their caller was cancelled."""

    async def run(self, function: Callable[[threading.Event], None]) -> None:
        """Run a function, which receives an event that is set when its caller is cancelled.

        Raises:
            SaturatedError: every thread hangs.
            Whatever the function raises.
        """
        if self.abandoned >= self._count:
            raise SaturatedError
        await self._free.acquire()
        call = _Call(self, function)
        try:
            threading.Thread(target=call.work, name=self._name, daemon=True).start()
        except RuntimeError as error:
            self._free.release()
            raise SaturatedError from error
        try:
            await asyncio.shield(call.result)
        except asyncio.CancelledError:
            if not call.finished:
                self.abandoned += 1
                call.abandoned.set()
            raise

    def finish(self, *, abandoned: bool) -> None:
        self._free.release()
        self.abandoned -= abandoned


class _Call:
    def __init__(self, threads: DaemonThreads, function: Callable[[threading.Event], None]) -> None:
        self._threads = threads
        self._function = function
        self._loop = asyncio.get_running_loop()
        self.result: asyncio.Future[None] = self._loop.create_future()
        self.finished = False
        self.abandoned = threading.Event()

    def work(self) -> None:
        error: BaseException | None = None
        try:
            self._function(self.abandoned)
        except BaseException as caught:  # noqa: BLE001 - travels to the caller
            error = caught
        # The loop may have ended meanwhile; then nobody waits.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._finish, error)

    def _finish(self, error: BaseException | None) -> None:
        self.finished = True
        abandoned = self.abandoned.is_set()
        self._threads.finish(abandoned=abandoned)
        if abandoned:
            self.result.cancel()
        elif error is not None:
            self.result.set_exception(error)
        else:
            self.result.set_result(None)
