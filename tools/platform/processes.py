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
    from collections.abc import Iterator, Mapping, Sequence
    from types import FrameType

GRACE_SECONDS = 20.0
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
def terminated_as_interrupted() -> Iterator[None]:
    """Let SIGTERM raise KeyboardInterrupt, as Ctrl-C does, and send SIGINT to the child processes.

    Ctrl-C is not forwarded: a terminal sends it to the whole process group.
    """

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        for child in _children():
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGINT)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def engine_shutdown_on_signal() -> Iterator[None]:
    """On a signal, let the engine that the block runs shut down gracefully, then raise KeyboardInterrupt.

    The engine saves its state and releases its lock. It receives Ctrl-C from the terminal as this process does, and a
    second one would abort the shutdown, so Ctrl-C is not forwarded. Signals reach only the main thread: in another
    thread this does nothing.

    Raises:
        KeyboardInterrupt: this process was interrupted, and the engine has ended.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received: list[int] = []

    def record(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        if number == signal.SIGTERM:
            for child in _children():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGINT)

    before = {number: signal.signal(number, record) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if received:
            raise KeyboardInterrupt


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Ignore SIGINT and SIGTERM while the block runs; SIGKILL still works."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _children() -> list[int]:
    threads = Path("/proc/self/task").iterdir()
    return [int(word) for thread in threads for word in (thread / "children").read_text().split()]
