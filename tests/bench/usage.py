"""CPU time and memory of processes, from /proc."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

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
