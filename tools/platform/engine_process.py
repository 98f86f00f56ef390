"""Runs of the Pulumi engine that a signal always ends, with the state written and the lock released."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import threading
import time
import uuid
from contextvars import ContextVar
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

import psutil

from tools.platform.processes import ON_INTERRUPT, handled, kill_with_descendants

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import FrameType

GRACE_SECONDS = 20.0
"""Seconds after a signal in which current operations can complete; then the engine aborts them and writes its state."""
ABORT_SECONDS = 10.0
"""Seconds that it has for this; then it is killed."""
AGAIN_SECONDS = 1.0
"""Signals within this time are one request: a group and its members get the same one."""
TIED = 'engine=$$; (read -r _ </dev/fd/"$0" || kill -9 $engine) >/dev/null 2>&1 & exec "$@"'
"""Becomes a program that ends with this process: in its own process group, it would outlive a killed command.

A process next to it reads from a pipe that this process holds open: a line says that the engine has ended, and an end without a
line that this process has.
"""
RUN = "NOTIFICATION_PLATFORM_RUN"
"""Environment variable that identifies the processes of a run."""
PLUGINS = "pulumi-"


class Interruption:
    """A request to end a run, which is passed on when the engine can handle it.

    The engine handles SIGINT between its first and its last event. Before and after them, it would die of it, and leave its
    lock; there it ends soon by itself.
    """

    def __init__(self, *, handles: bool = False) -> None:
        self._lock = threading.RLock()
        self._process: subprocess.Popen[bytes] | None = None
        self._handles = handles
        self._requested: list[float] = []
        self._passed_on = 0
        self.killed_at_work = False
        """Whether the engine was killed while it held its lock."""

    def handles(self, *, handles: bool) -> None:
        with self._lock:
            self._handles = handles
            self._pass_on()

    def request(self) -> None:
        """Ask the run to end; the second request aborts current operations."""
        with self._lock:
            now = time.monotonic()
            if self._requested and now - self._requested[-1] < AGAIN_SECONDS:
                return
            if not self._requested:
                self._later(GRACE_SECONDS, self.request)
                self._later(GRACE_SECONDS + ABORT_SECONDS, self._kill)
            self._requested.append(now)
            self._pass_on()

    @contextlib.contextmanager
    def of(self, process: subprocess.Popen[bytes]) -> Iterator[None]:
        """Pass requests on to a process while the block waits for it."""
        with self._lock:
            self._process = process
            self._pass_on()
        _RUNNING.add(self)
        try:
            yield
        finally:
            _RUNNING.discard(self)
            with self._lock:
                self._process = None

    def _pass_on(self) -> None:
        while self._process and self._handles and self._passed_on < len(self._requested):
            self._passed_on += 1
            self._process.send_signal(signal.SIGINT)

    def _kill(self) -> None:
        with self._lock:
            if self._process:
                self.killed_at_work = self._handles
                # Plugins would outlive it.
                kill_with_descendants(self._process.pid)

    def _later(self, seconds: float, call: Callable[[], None]) -> None:
        timer = threading.Timer(seconds, call)
        timer.daemon = True
        timer.start()


_RUNNING: set[Interruption] = set()
OPERATION: ContextVar[Interruption | None] = ContextVar("operation", default=None)
"""The interruption of the operation that runs in this thread; its events say when the engine handles signals."""


def interrupt_running() -> None:
    for interruption in list(_RUNNING):
        interruption.request()


ON_INTERRUPT.append(interrupt_running)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    code: int
    stdout: str
    stderr: str


def run_engine(command: Sequence[str], *, cwd: str, variables: Mapping[str, str], stdin: str = "") -> Ended:
    """Run the engine with `stdin` as its standard input, and return what it printed.

    It runs in its own process group, so that Ctrl-C reaches it from here alone, and writes into files: a pipe would be held
    open by a plugin that outlives it.

    Raises:
        KeyboardInterrupt: this process was asked to end, in the main thread; the engine has ended.
    """
    interruption = OPERATION.get() or Interruption()
    run = uuid.uuid4().hex
    with (
        _unnamed_file() as given,
        _unnamed_file() as stdout,
        _unnamed_file() as stderr,
        _requests_recorded(interruption),
        _plugins_ended(run),
        _tie() as tie,
        subprocess.Popen(
            _tied(command, tie),
            cwd=cwd,
            env={**variables, RUN: run},
            stdin=_written(given, stdin),
            stdout=stdout,
            stderr=stderr,
            process_group=0,
            pass_fds=[tie],
        ) as process,
        interruption.of(process),
    ):
        code = process.wait()
        return Ended(code=code, stdout=_read(stdout), stderr=_read(stderr))


def run_attached(command: Sequence[str], variables: Mapping[str, str]) -> int:
    interruption, run = Interruption(handles=True), uuid.uuid4().hex
    with (
        _requests_recorded(interruption),
        _plugins_ended(run),
        _tie() as tie,
        subprocess.Popen(
            _tied(command, tie), env={**variables, RUN: run}, process_group=0, pass_fds=[tie]
        ) as process,
        interruption.of(process),
    ):
        return process.wait()


@contextlib.contextmanager
def _requests_recorded(interruption: Interruption) -> Iterator[None]:
    """Let signals request the end of a run; afterwards raise KeyboardInterrupt. In other threads this does nothing.

    Raises:
        KeyboardInterrupt: a signal came.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received: list[int] = []

    def record(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        interruption.request()
        for request in ON_INTERRUPT:
            request()

    with handled(record):
        yield
    if received:
        raise KeyboardInterrupt


@contextlib.contextmanager
def _plugins_ended(run: str) -> Iterator[None]:
    """After a run, end the plugins that it has left: one that starts while the engine ends would wait for it for minutes."""
    try:
        yield
    finally:
        for process in psutil.process_iter(["name"]):
            # The process belongs to another user, or has ended.
            with contextlib.suppress(psutil.Error):
                if process.name().startswith(PLUGINS) and process.environ().get(RUN) == run:
                    kill_with_descendants(process.pid)


@contextlib.contextmanager
def _tie() -> Iterator[int]:
    """Yield the descriptor that TIED reads; the program has ended after the block."""
    reader, writer = os.pipe()
    try:
        yield reader
    finally:
        os.write(writer, b"\n")
        os.close(reader)
        os.close(writer)


def _tied(command: Sequence[str], tie: int) -> list[str]:
    return ["/bin/sh", "-c", TIED, str(tie), *command]


def _unnamed_file() -> IO[bytes]:
    """Return a file that has no name, because it can contain secrets: in memory, where the system has such files."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("engine"), "w+b")
    return tempfile.TemporaryFile()


def _written(file: IO[bytes], text: str) -> IO[bytes]:
    file.write(text.encode())
    file.seek(0)
    return file


def _read(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode("utf-8", "replace").rstrip()
