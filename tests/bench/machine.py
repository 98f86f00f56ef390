"""The machine of a run, to compare its figures with others."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from pathlib import Path

from tests.bench.figures import Machine
from tools.platform.pulumi.environment import ROOT

GIGABYTE = 1024 * 1024
"""In the kernel's unit, kB."""


def machine(kubernetes: str) -> Machine:
    models = re.findall(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text("utf-8"), re.MULTILINE)
    total = re.search(r"^MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text("utf-8"), re.MULTILINE)
    return Machine(
        processors=len(os.sched_getaffinity(0)),
        model=models[0] if models else platform.machine(),
        memory_gb=round(int(total[1]) / GIGABYTE, 1) if total else 0.0,
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        kubernetes=kubernetes.removeprefix("v"),
    )


def commit() -> str:
    """Return the current commit, marked if files are modified; empty outside of a repository."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    return done.stdout.strip()
