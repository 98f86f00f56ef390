"""Run programs and pass signals on to them: Ctrl-C, SIGTERM and a timeout end a program gracefully."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from tools.platform.console import err

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import FrameType

GRACE_SECONDS = 20.0
END_SECONDS = 40.0
"""Seconds in which a command ends after a signal; longer than the engine needs to abort its operations."""
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Signals that ask a process to end."""
ON_INTERRUPT: list[Callable[[], None]] = []
"""Called by the handler of these signals."""
TIMED_OUT = 124
"""Exit code of a program that exceeded its time limit, as in timeout(1)."""


def run(command: Sequence[str], *, variables: Mapping[str, str], cwd: Path, limit: float) -> int:
    """Run a program and return its exit code, or TIMED_OUT; it receives SIGINT first, and SIGKILL after a grace period.

    Raises:
        KeyboardInterrupt: this process was interrupted; the program has ended.
    """
    with subprocess.Popen(command, env={**os.environ, **variables}, cwd=cwd) as process:
        try:
            return process.wait(timeout=limit)
        except subprocess.TimeoutExpired:
            err.print(f"timed out after {limit:g} s; stopping it")
            process.send_signal(signal.SIGINT)
            _end(process)
            return TIMED_OUT
        except BaseException:
            # The program received the same signal; a second one would abort its shutdown.
            _end(process)
            raise


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(timeout=GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


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


@contextlib.contextmanager
def terminated_as_interrupted() -> Iterator[None]:
    """Let SIGTERM and SIGHUP raise KeyboardInterrupt, as Ctrl-C does, and send SIGINT to the child processes.

    Ctrl-C is not forwarded: a terminal sends it to the whole process group. Runs of the engine have groups of their own and
    are asked to end in any case.
    """

    def interrupt(number: int, _frame: FrameType | None) -> None:
        for request in ON_INTERRUPT:
            request()
        for child in _children() if number != signal.SIGINT else ():
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGINT)
        raise KeyboardInterrupt

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


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Ignore SIGINT, SIGTERM and SIGHUP while the block runs; SIGKILL still works."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def descendants(process: int) -> list[int]:
    children = children_of(process)
    return [*children, *(each for child in children for each in descendants(child))]


def children_of(process: int) -> list[int]:
    with contextlib.suppress(OSError):
        threads = Path(f"/proc/{process}/task").iterdir()
        return [int(word) for thread in threads for word in (thread / "children").read_text().split()]
    return []


def _children() -> list[int]:
    """Return the children in our process group: the engine is asked by other means, and a daemon such as Docker's stays."""
    return [child for child in children_of(os.getpid()) if _is_ours(child)]


def _is_ours(child: int) -> bool:
    try:
        return os.getpgid(child) == os.getpgrp()
    except ProcessLookupError:
        return False
