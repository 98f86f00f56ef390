"""A local process whose output goes to a log file, and that reports its state in a line of it."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from tests.harness.eventually import eventually
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    import re
    from collections.abc import Mapping, Sequence
    from pathlib import Path

READY_WITHIN, STOPS_WITHIN = 30.0, 45.0
SHOWN = 3000
"""Characters of the log in an error message."""


class LoggedProcess:
    """A process of this repository's sources; constructing it starts it."""

    def __init__(
        self, command: Sequence[str], log: Path, *, variables: Mapping[str, str] | None = None
    ) -> None:
        self._command = " ".join(command)
        self._log = log
        path = os.pathsep.join(str(ROOT / source) for source in ("operator", "infra", "."))
        environment = {**os.environ, **(variables or {}), "PYTHONPATH": path}
        with log.open("ab") as output:
            self._start = output.tell()
            self._process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=output)

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._process.pid

    def wait_for(self, pattern: re.Pattern[str]) -> re.Match[str]:
        """Wait for output that matches.

        Raises:
            AssertionError: nothing matches in time, or the process ends before.
        """

        def look() -> re.Match[str] | None:
            ended, output = self._process.poll() is not None, self._log.read_bytes()[self._start :].decode()
            match = pattern.search(output)
            assert match or not ended, f"{self._command} has ended:\n{output[-SHOWN:]}"
            return match

        match = eventually(look, lambda match: match is not None, within=READY_WITHIN, every=0.05)
        assert match is not None
        return match

    def stop(self) -> None:
        """Send SIGTERM, and wait for the end."""
        self._process.terminate()
        self._process.wait(timeout=STOPS_WITHIN)
