"""Signals: Ctrl-C, SIGTERM and SIGHUP end this process and the programs that it runs gracefully."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

END_SECONDS = 40.0
"""Seconds in which a command ends after a signal; longer than the engine needs to abort its operations."""
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Signals that ask a process to end."""
ON_INTERRUPT: list[Callable[[], None]] = []
"""Called by the handler of these signals."""


@contextlib.contextmanager
def handled(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Let a function handle the signals that ask to end, except for those that are ignored, as under nohup."""
    before = {number: signal.getsignal(number) for number in ENDING}
    ours = [number for number in ENDING if before[number] is not signal.SIG_IGN]
    for number in ours:
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, before[number])


class Interrupted(KeyboardInterrupt):
    """A signal came.

    A KeyboardInterrupt itself, raised in what `exec` runs, makes CPython end the process by SIGINT whatever the exit code
    is (Py_RunMain): every import of a dataclass is such a moment.
    """


@contextlib.contextmanager
def terminated_as_interrupted() -> Iterator[None]:
    """Let SIGTERM, SIGHUP and Ctrl-C raise Interrupted, and send SIGINT to the child processes.

    Ctrl-C is not forwarded: a terminal sends it to the whole process group. Runs of the engine have groups of their own and
    are asked to end in any case.
    """

    def interrupt(number: int, _frame: FrameType | None) -> None:
        for request in ON_INTERRUPT:
            request()
        for child in _children() if number != signal.SIGINT else ():
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGINT)
        raise Interrupted

    with handled(interrupt):
        yield


@contextlib.contextmanager
def ended_by_signals() -> Iterator[None]:
    """After a signal, end this process and what it started when END_SECONDS are over, whatever still runs then."""
    timers: list[threading.Timer] = []

    def end() -> None:
        for child in _children():
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        os._exit(128 + signal.SIGINT)

    def begin() -> None:
        if not timers:
            timers.append(threading.Timer(END_SECONDS, end))
            timers[0].daemon = True
            timers[0].start()

    ON_INTERRUPT.append(begin)
    try:
        yield
    finally:
        ON_INTERRUPT.remove(begin)


def kill_with_descendants(process: int) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        first = psutil.Process(process)
        for each in (*first.children(recursive=True), first):
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()


def _children() -> list[int]:
    """Return the children in our process group: the engine is asked by other means, and a daemon such as Docker's stays."""
    return [child.pid for child in psutil.Process().children() if _is_ours(child.pid)]


def _is_ours(child: int) -> bool:
    try:
        return os.getpgid(child) == os.getpgrp()
    except ProcessLookupError:
        return False
