"""The Job of the tutorial that reports a failure: its commands, as processes with a folder in place of the pod's volume."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import yaml

from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

FILE = ROOT / "examples" / "tutorial" / "failing-job.yaml"
NOTIF = '#!/bin/sh\nprintf "%s\\n" "$@" >"$SENT"\n'


def run(command: Sequence[str], folder: Path) -> int:
    """Run a command of a container with a program `notif` that stores its arguments; return the exit code."""
    (folder / "notif").write_text(NOTIF, "utf-8")
    (folder / "notif").chmod(0o755)
    words = [each.replace("/result", str(folder)) for each in command]
    variables = {"PATH": f"{folder}:/usr/bin:/bin", "SENT": str(folder / "sent"), "JOB": "export-orders"}
    words[0] = sys.executable if words[0] == "python3" else words[0]
    return subprocess.run(words, env=variables, check=False, capture_output=True).returncode


@pytest.mark.parametrize(
    ("work", "error"), [("stand-in", "exit code 3"), ("exit 3", "exit code 3"), ("true", "")]
)
def test_job_sends_the_error_of_its_work_and_fails(tmp_path: Path, work: str, error: str) -> None:
    text = FILE.read_text("utf-8")
    pod = yaml.safe_load(text)["spec"]["template"]["spec"]
    (written,) = re.findall(r"command: \[sh, -c, '(.*)'\]$", text, re.MULTILINE)
    (stand_in,), (notify,) = pod["initContainers"], pod["containers"]
    own = ["sh", "-c", written.replace("export-orders", f"({work})")]

    assert run(stand_in["command"] if work == "stand-in" else own, tmp_path) == 0
    assert run([*notify["command"], *notify["args"]], tmp_path) == (1 if error else 0)

    sent = (tmp_path / "sent").read_text("utf-8").splitlines() if error else []
    assert sent == (shlex.split(expected(error)) if error else [])
    assert (tmp_path / "sent").exists() is bool(error)


def expected(error: str) -> str:
    subject = "--subject 'The export of the orders has failed'"
    return f"send {subject} --body '{error}' --priority high --to shop/team --once export-orders --wait"
