"""Runs of the engine and the outputs of a command on a system without what only Linux has."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.harness.mac_machine import MAC
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from pathlib import Path

CAPTURED = """
from tools.platform.engine_process import run_engine
ended = run_engine(["/bin/sh", "-c", "echo out; echo err >&2; exit 7"], cwd="/", variables={})
assert (ended.code, ended.stdout, ended.stderr) == (7, "out", "err"), ended
"""
RELAYED = """
from tools.platform.output import relayed
with relayed():
    print("passed on")
"""
SIGNALLED = """
import os, signal, sys
from tools.platform.processes import terminated_as_interrupted
import subprocess
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
try:
    with terminated_as_interrupted():
        os.kill(os.getpid(), signal.SIGTERM)
except KeyboardInterrupt:
    sys.exit(0 if child.wait() else 1)
"""


@pytest.mark.parametrize("program", [CAPTURED, RELAYED, SIGNALLED], ids=["captured", "relayed", "signalled"])
def test_process_is_handled_without_what_only_linux_has(program: str, tmp_path: Path) -> None:
    log = tmp_path / "log"
    ended = subprocess.run(
        [sys.executable, "-c", f"import platform; assert platform.system() == 'Darwin'\n{program}"],
        env={**os.environ, "PYTHONPATH": f"{MAC}{os.pathsep}{ROOT}", "MAC_LOG": str(log)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert program != RELAYED or ended.stdout == "passed on\n"
    assert not log.exists(), log.read_text("utf-8")
