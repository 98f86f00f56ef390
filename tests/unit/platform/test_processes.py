"""What a command's exit code is after a signal."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from tools.platform.errors import ExitCode

if TYPE_CHECKING:
    from pathlib import Path

COMMAND = """
import os, signal, sys
from tools.platform.processes import terminated_as_interrupted

try:
    with terminated_as_interrupted():
        exec("os.kill(os.getpid(), signal.SIGTERM)")
except KeyboardInterrupt:
    sys.exit(130)
"""


def test_signal_that_comes_during_an_import_is_no_exception(tmp_path: Path) -> None:
    # Dataclasses are made by exec, and most of a command's first second is imports.
    (tmp_path / "command.py").write_text(COMMAND)
    ended = subprocess.run(
        [sys.executable, "-m", "command"], cwd=tmp_path, check=False, env={"PYTHONPATH": ":".join(sys.path)}
    )
    assert ended.returncode == ExitCode.INTERRUPTED
