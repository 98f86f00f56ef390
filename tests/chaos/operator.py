"""The operator as a process that a script kills, freezes, and gives another clock, disk or account."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

from urllib3.exceptions import HTTPError

from tests.harness.operator_deployment import HEALTH
from tests.harness.operator_process import OperatorProcess

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PAGE = os.sysconf("SC_PAGE_SIZE")
RENDER_WORKER = b"notification_runtime.render_worker"
STARTS_WITHIN = 90.0


class ChaosOperator(OperatorProcess):
    """`prefix` is a command that executes the operator's."""

    prefix: Sequence[str] = ()
    ended_by_script = False
    """Whether it was last ended on purpose."""

    @property
    def folder(self) -> Path:
        return self._folder

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "the operator was never started"
        return self._process

    @property
    def runs(self) -> bool:
        return self._is_running()

    @property
    def log(self) -> str:
        return self._log.read_text("utf-8", errors="replace") if self._log.exists() else ""

    @property
    def started(self) -> bool:
        return self._process is not None

    def launch(self) -> None:
        """Start it without waiting until it is ready."""
        if not self.runs:
            self.ended_by_script = False
            self._start()

    def end(self) -> None:
        """Kill it with SIGKILL, without a restart."""
        self.ended_by_script = True
        super().end()

    def stop(self) -> None:
        """Send SIGTERM, and wait for the end."""
        self.ended_by_script = True
        super().stop()

    def tracebacks(self) -> list[str]:
        """Return the log records with a traceback, and where the interpreter crashed."""
        crashes = ("Traceback (most recent call last)", "Fatal Python error")
        return [line[:600] for line in self.log.splitlines() if any(each in line for each in crashes)]

    def readiness(self) -> tuple[int, str]:
        """Return code and text of its readiness probe; 0 while it does not answer.

        Raises:
            AssertionError: it has ended.
        """
        return self._readiness()

    def alive(self) -> bool:
        """Return whether its liveness probe passes."""
        url = f"http://127.0.0.1:{self._ports[HEALTH]}/healthz"
        try:
            return bool(self._http.request("GET", url, timeout=5.0).status == HTTPStatus.OK)
        except HTTPError:
            return False

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def relaunch(self) -> None:
        """Kill it with SIGKILL, and start it again."""
        self.end()
        self.launch()

    def resident_bytes(self) -> int:
        with open(f"/proc/{self.pid}/statm", encoding="ascii") as file:  # noqa: PTH123 - not a file to find
            return int(file.read().split()[1]) * PAGE

    def render_worker(self) -> int | None:
        """Return the process of its render worker, if one runs."""
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                parent = (folder / "stat").read_text("utf-8", errors="replace").rpartition(")")[2].split()[1]
                if parent == str(self.pid) and RENDER_WORKER in (folder / "cmdline").read_bytes():
                    return int(folder.name)
        return None

    def dispose(self) -> None:
        """End it, also when it is frozen or does not stop."""
        if self._process is not None and self.runs:
            self.signal(signal.SIGCONT)
            self.signal(signal.SIGTERM)
            try:
                self._process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self.end()

    @property
    def variables(self) -> Mapping[str, str]:
        return self._variables

    def set_variables(self, **variables: str) -> None:
        """Change its environment, from the next start on."""
        self._variables = {**self._variables, **variables}

    def command(self) -> list[str]:
        return [*self.prefix, *super().command()]
