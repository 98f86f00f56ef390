"""Running a program so that whatever ends us ends it too, in good order: Ctrl-C, SIGTERM, a time limit."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import FrameType

ORDERLY_SECONDS = 20.0
TIMED_OUT = 124
"""Our exit code for a program that took too long, as timeout(1) has it."""


def run(command: Sequence[str], *, variables: Mapping[str, str], cwd: Path, limit: float) -> int:
    """Run a program and return its exit code, or TIMED_OUT; it is told to stop first, and killed only then.

    Raises:
        KeyboardInterrupt: we were told to stop; the program has ended.
    """
    with subprocess.Popen(command, env={**os.environ, **variables}, cwd=cwd) as process:
        try:
            return process.wait(timeout=limit)
        except subprocess.TimeoutExpired:
            print(f"stopped: not through after {limit:g} s", file=sys.stderr)
            process.send_signal(signal.SIGINT)
            _end(process)
            return TIMED_OUT
        except BaseException:
            # It has got the signal that we have got, and a second one would break its own ending off.
            _end(process)
            raise


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(timeout=ORDERLY_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextlib.contextmanager
def terminated_as_interrupted() -> Iterator[None]:
    """Let SIGTERM raise KeyboardInterrupt, as Ctrl-C does, and pass it on to the programs that we have started.

    Ctrl-C needs no passing on: a terminal sends it to all of them.
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
def left_to_the_engine() -> Iterator[None]:
    """Let the engine, which the block runs, end its work in good order when we are told to stop; then stop.

    It writes down what it has made, and gives its lock back. Ctrl-C it gets from the terminal as we do, and a second one
    would break it off, so that is not passed on. Signals reach the main thread alone: elsewhere this does nothing.

    Raises:
        KeyboardInterrupt: we were told to stop, and the engine has ended.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    told: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        told.append(number)
        if number == signal.SIGTERM:
            for child in _children():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGINT)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if told:
            raise KeyboardInterrupt


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Finish what the block does, whatever signal comes meanwhile; who cannot wait has SIGKILL."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _children() -> list[int]:
    threads = Path("/proc/self/task").iterdir()
    return [int(word) for thread in threads for word in (thread / "children").read_text().split()]
