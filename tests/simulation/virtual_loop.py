"""An event loop with a virtual clock: time passes only when nothing is left to do."""

from __future__ import annotations

import asyncio
import math
import threading
from collections import defaultdict
from contextvars import Context, ContextVar
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, TypeVar
from unittest.mock import patch

from notification_runtime.delivery import daemon_threads

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

PROCESS: ContextVar[str] = ContextVar("PROCESS", default="")
"""The simulated process that runs; empty for the simulation itself."""


T = TypeVar("T")


class StuckError(Exception):
    """Nothing is ready, and nothing ever will be."""


class _Selector:
    """Takes the place of waiting for sockets, and moves the clock instead."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def select(self, timeout: float | None) -> list[object]:
        if timeout is None:
            raise StuckError
        self._loop.pass_time(timeout)
        return []


class VirtualLoop(asyncio.BaseEventLoop):
    """Runs everything in one thread, in the order in which it became ready, hours in milliseconds."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0
        self._selector = _Selector(self)
        self._tasks: defaultdict[str, list[asyncio.Task[Any]]] = defaultdict(list)

    @property
    def _clock_resolution(self) -> float:
        """The smallest step of this clock: a timer that is due later, however little, waits until time has passed.

        With a coarser resolution a task that sleeps for less would run again and again without any time passing.
        """
        return math.ulp(self._now)

    @_clock_resolution.setter
    def _clock_resolution(self, seconds: float) -> None:
        """Ignore the resolution of the true clock."""

    def time(self) -> float:
        """Return the virtual seconds since the loop was created."""
        return self._now

    def pass_time(self, seconds: float) -> None:
        """Let time pass."""
        self._now += seconds

    def create_task(  # type: ignore[override] # the stubs also allow generators
        self, coro: Coroutine[Any, Any, Any], *, name: str | None = None, context: Context | None = None
    ) -> asyncio.Task[Any]:
        """Create a task that belongs to the simulated process that creates it."""
        task = super().create_task(coro, name=name, context=context)
        process = PROCESS.get()
        if process and context is None:
            self._tasks[process].append(task)
        return task

    def tasks_of(self, process: str) -> Sequence[asyncio.Task[Any]]:
        """Return the tasks of a simulated process."""
        return self._tasks[process]

    def run_in_executor(  # type: ignore[override] # the stubs want a type variable tuple
        self, _executor: object, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        """Call it at once: there is no other thread."""
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - the caller's, as from a thread
            future.set_exception(error)
        return future

    def _process_events(self, event_list: list[object]) -> None:
        """Nothing comes from outside."""

    def _write_to_self(self) -> None:
        """No other thread wakes the loop."""


class _InlineThread:
    """Does its work when it starts: no virtual time passes while a real thread works."""

    def __init__(self, *, target: Callable[[], None], name: str, daemon: bool) -> None:
        self._target = target
        self.name, self.daemon = name, daemon

    def start(self) -> None:
        self._target()


INLINE: Final = SimpleNamespace(Thread=_InlineThread, Event=threading.Event)


def run_virtually(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on a virtual loop of its own, and return its result."""
    loop = VirtualLoop()
    try:
        with patch.object(daemon_threads, "threading", INLINE):
            return loop.run_until_complete(work)
    finally:
        loop.close()
