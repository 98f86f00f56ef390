"""Child processes that end when the run is interrupted."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections import deque
from typing import TYPE_CHECKING

from tools.localcluster.toolchain.errors import ToolchainError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_SHOWN_LINES = 15


class Children:
    """Runs programs in their own process groups, and can kill all of them."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._closed = False

    def run(self, command: Sequence[str], *, cwd: Path, env: Mapping[str, str], log: Path) -> None:
        """Run a program and wait for it; its output is appended to `log`.

        Raises:
            ToolchainError: the program failed; the message contains the end of its output.
        """
        with log.open("ab") as output:
            child = self._start(command, cwd=cwd, env=env, output=output.fileno())
            try:
                code = child.wait()
            finally:
                with self._lock:
                    self._running.discard(child)
        if code != 0:
            raise ToolchainError(f"`{' '.join(command[:2])}` exited with {code} in {cwd}:\n{tail(log)}")

    def _start(
        self, command: Sequence[str], *, cwd: Path, env: Mapping[str, str], output: int
    ) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._closed:
                raise ToolchainError("interrupted: run the same command again; finished groups are kept")
            child = subprocess.Popen(
                command,
                cwd=cwd,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
            self._running.add(child)
            return child

    def kill_all(self) -> None:
        """Kill all running programs and their children, and start no more programs."""
        with self._lock:
            self._closed = True
            for child in self._running:
                if child.poll() is None:
                    os.killpg(child.pid, signal.SIGKILL)


def tail(log: Path) -> str:
    """Return the last lines of a log, indented."""
    with log.open(errors="replace") as lines:
        return "".join(f"    {line}" for line in deque(lines, maxlen=_SHOWN_LINES)).rstrip()
