"""The machine of a run, and the CPU time and memory of its processes, from /proc."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench.figures import Machine
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping

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


TICKS = os.sysconf("SC_CLK_TCK")
MEGABYTE = 1024.0
"""In the kernel's unit, kB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Resident megabytes: now, and at most since the start of the process."""

    now: float
    peak: float


def parse_stat(line: str) -> float:
    """Return the CPU seconds, without ended children, from a line of /proc/PID/stat.

    Raises:
        ValueError: the line is invalid.
    """
    _, bracket, tail = line.rpartition(")")
    fields = tail.split()
    if not bracket or len(fields) < 13:
        raise ValueError(f"not a line of /proc/PID/stat: {line!r}")
    return (int(fields[11]) + int(fields[12])) / TICKS


def processor_seconds(pid: int) -> float:
    return parse_stat(Path(f"/proc/{pid}/stat").read_text("utf-8"))


def memory(pid: int) -> Memory:
    return parse_status(Path(f"/proc/{pid}/status").read_text("utf-8"))


def parse_status(text: str) -> Memory:
    """Parse /proc/PID/status."""
    rows = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    now, peak = (int(rows[key].split()[0]) / MEGABYTE for key in ("VmRSS", "VmHWM"))
    return Memory(now=round(now, 1), peak=round(peak, 1))


def between(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """Return the difference of two readings."""
    return {name: round(after[name] - before[name], 2) for name in before}
