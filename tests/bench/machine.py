"""The machine of a run, and the CPU time and memory of its processes, from /proc."""

from __future__ import annotations

import os
import platform
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
RESET_PEAK = "5"
"""Makes the kernel begin again with the largest resident memory of a process."""
KILO = 1024
"""The kernel's unit is kB."""


def machine(kubernetes: str) -> str:
    """Describe the machine; `kubernetes` is a version such as v1.36.3."""
    models = re.findall(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text("utf-8"), re.MULTILINE)
    gigabytes = _kilobytes(Path("/proc/meminfo").read_text("utf-8"), "MemTotal") / KILO**2
    system = f"{platform.system()} {platform.release().partition('-')[0]}"
    return (
        f"{len(os.sched_getaffinity(0))} processors ({models[0] if models else platform.machine()}), {gigabytes:.1f} GB, "
        f"{system}, Python {platform.python_version()}, Kubernetes {kubernetes.removeprefix('v')}"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Resident megabytes: now, and at most since the start of the process."""

    now: float
    peak: float


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process, without ended children."""
    return parse_stat(Path(f"/proc/{pid}/stat").read_text("utf-8"))


def parse_stat(line: str) -> float:
    """Parse /proc/PID/stat; the name of the program may contain parentheses and spaces."""
    fields = line.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def memory(pid: int) -> Memory:
    text = Path(f"/proc/{pid}/status").read_text("utf-8")
    now, peak = (round(_kilobytes(text, key) / KILO, 1) for key in ("VmRSS", "VmHWM"))
    return Memory(now=now, peak=peak)


def pod_peaks(pid: int) -> list[float]:
    """Return the resident megabytes of a process and of its children, each at most since the last call.

    Their sum is more than a pod has: each was largest at its own time, and they share libraries.
    """
    peaks = []
    for each in (pid, *_children(pid)):
        # A child may have ended.
        with suppress(OSError, KeyError):
            peaks.append(memory(each).peak)
            Path(f"/proc/{each}/clear_refs").write_text(RESET_PEAK, "ascii")
    return peaks


def _children(pid: int) -> list[int]:
    return [int(file.parent.name) for file in Path("/proc").glob("[0-9]*/stat") if _parent(file) == pid]


def _parent(file: Path) -> int | None:
    with suppress(OSError):
        return int(file.read_text("utf-8").rpartition(")")[2].split()[1])
    return None


def _kilobytes(text: str, key: str) -> int:
    rows = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    return int(rows[key].split()[0])
