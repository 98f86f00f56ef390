"""Runs of the Pulumi engine that a signal always ends, with the state written and the lock released."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tools.platform.processes import ON_INTERRUPT, descendants, handled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import FrameType

GRACE_SECONDS = 20.0
"""Seconds after a signal in which current operations can complete; then the engine aborts them and writes its state."""
ABORT_SECONDS = 10.0
"""Seconds that it has for this; then it is killed."""
AGAIN_SECONDS = 1.0
"""Signals within this time are one request: a group and its members get the same one."""
TIED = (
    "import ctypes, os, signal, sys\n"
    "ctypes.CDLL(None).prctl(1, signal.SIGKILL)\n"
    "os.getppid() == int(sys.argv[1]) or sys.exit(1)\n"
    "os.execv(sys.argv[2], sys.argv[2:])\n"
)
"""Becomes a program that ends with this process: in its own process group, it would outlive a killed command."""
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
                for process in (*descendants(self._process.pid), self._process.pid):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(process, signal.SIGKILL)

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


def run_engine(command: Sequence[str], *, cwd: str, variables: Mapping[str, str]) -> Ended:
    """Run the engine and return what it printed.

    It runs in its own process group, so that Ctrl-C reaches it from here alone, and writes into memory: a pipe would be
    held open by a plugin that outlives it.

    Raises:
        KeyboardInterrupt: this process was asked to end, in the main thread; the engine has ended.
    """
    interruption = OPERATION.get() or Interruption()
    run = uuid.uuid4().hex
    with (
        _memory() as stdout,
        _memory() as stderr,
        _requests_recorded(interruption),
        _plugins_ended(run),
        subprocess.Popen(
            _tied(command),
            cwd=cwd,
            env={**variables, RUN: run},
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            process_group=0,
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
        subprocess.Popen(_tied(command), env={**variables, RUN: run}, process_group=0) as process,
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
        mark = f"{RUN}={run}".encode()
        for process in Path("/proc").glob("[0-9]*"):
            # The process belongs to another user, or has ended.
            with contextlib.suppress(OSError):
                if mark in (process / "environ").read_bytes() and _is_plugin(process):
                    for each in (*descendants(int(process.name)), int(process.name)):
                        os.kill(each, signal.SIGKILL)


def _is_plugin(process: Path) -> bool:
    return (process / "comm").read_text().startswith(PLUGINS)


def _tied(command: Sequence[str]) -> list[str]:
    return [sys.executable, "-I", "-S", "-c", TIED, str(os.getpid()), *command]


@contextlib.contextmanager
def _memory() -> Iterator[int]:
    file = os.memfd_create("engine")
    try:
        yield file
    finally:
        os.close(file)


def _read(file: int) -> str:
    with open(file, "rb", closefd=False) as stream:
        stream.seek(0)
        return stream.read().decode("utf-8", "replace").rstrip()
