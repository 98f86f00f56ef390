"""Child processes that end when the run is interrupted."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections import deque
from typing import TYPE_CHECKING

from tools.localcluster.toolchain.sources.pins import ToolchainError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from typing import TextIO

_SHOWN_LINES = 15
_POLL_SECONDS = 0.2


class Children:
    """Runs programs in their own process groups, and can kill all of them.

    They inherit the descriptors `lock`: a lock on one of them is held until the last program has exited, also if this process
    is killed before.
    """

    def __init__(self, lock: Sequence[int] = ()) -> None:
        self._lock_descriptors = tuple(lock)
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._closed = False

    def run(
        self,
        command: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str],
        log: Path,
        watch: Callable[[str], bool] | None = None,
    ) -> None:
        """Run a program and wait for it; its output is appended to `log`.

        `watch` gets each line of the output soon after it was written, and returns whether the line only tells the progress.

        Raises:
            ToolchainError: the program failed; the message contains the end of its output, without the lines that only
                tell the progress.
        """
        with log.open("ab") as output, log.open(errors="replace") as lines:
            lines.seek(0, os.SEEK_END)
            child = self._start(command, cwd=cwd, env=env, output=output.fileno())
            watched = _Watched(lines, watch)
            try:
                while (code := _exit_code(child)) is None:
                    watched.read()
            finally:
                with self._lock:
                    self._running.discard(child)
            watched.read()
        if code != 0:
            raise ToolchainError(f"`{' '.join(command[:2])}` exited with {code} in {cwd}:\n{watched.end()}")

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
                pass_fds=self._lock_descriptors,
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


def _exit_code(child: subprocess.Popen[bytes]) -> int | None:
    try:
        return child.wait(_POLL_SECONDS)
    except subprocess.TimeoutExpired:
        return None


class _Watched:
    def __init__(self, lines: TextIO, watch: Callable[[str], bool] | None) -> None:
        self._lines = lines
        self._watch = watch
        self._part = ""
        self._last: deque[str] = deque(maxlen=_SHOWN_LINES)

    def read(self) -> None:
        *complete, self._part = (self._part + self._lines.read()).split("\n")
        for line in complete:
            if self._watch is None or not self._watch(line):
                self._last.append(line)

    def end(self) -> str:
        return "\n".join(f"    {line}" for line in (*self._last, self._part) if line)
