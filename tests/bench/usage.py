"""What processes take of the machine: processor seconds and resident memory, as the kernel counts them.

Needs Linux, on this side and in the node.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tests.support.node import Node

TICKS = os.sysconf("SC_CLK_TCK")
NODE_PROCESSES = {"kube-apiserver": "API server", "etcd": "etcd"}
"""The kernel's name of a program of the node, and what it is called here."""
READ_ALL = 'for file in /proc/[0-9]*/stat; do read -r line <"$file" && echo "$line"; done 2>/dev/null; true'
MEGABYTE = 1024.0
"""In the kernel's unit, kB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Megabytes that are resident: now, and at most since the process began."""

    now: float
    peak: float


def parse_stat(line: str) -> tuple[str, float]:
    """Return the program's name and its processor seconds, ended children left out, from a line of /proc/PID/stat.

    Raises:
        ValueError: it is no such line.
    """
    head, found, tail = line.rpartition(")")
    fields = tail.split()
    if not found or len(fields) < 13:
        raise ValueError(f"not a line of /proc/PID/stat: {line!r}")
    return head.partition("(")[2], (int(fields[11]) + int(fields[12])) / TICKS


def processor_seconds(pid: int) -> float:
    """Return what a process has used."""
    return parse_stat(Path(f"/proc/{pid}/stat").read_text("utf-8"))[1]


def memory(pid: int) -> Memory:
    """Return what a process holds in memory."""
    return parse_status(Path(f"/proc/{pid}/status").read_text("utf-8"))


def parse_status(text: str) -> Memory:
    """Read /proc/PID/status."""
    rows = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    now, peak = (int(rows[key].split()[0]) / MEGABYTE for key in ("VmRSS", "VmHWM"))
    return Memory(now=round(now, 1), peak=round(peak, 1))


def node_seconds(node: Node) -> dict[str, float]:
    """Return what the API server and etcd have used, read in the node's container."""
    return sums(node.run(READ_ALL).splitlines())


def sums(lines: Iterable[str]) -> dict[str, float]:
    """Return the seconds by the name that a program has here, others left out.

    Raises:
        LookupError: one of the programs is not there; tells which.
    """
    found = dict.fromkeys(NODE_PROCESSES.values(), 0.0)
    seen = set()
    for line in lines:
        name, seconds = parse_stat(line)
        if name in NODE_PROCESSES:
            seen.add(name)
            found[NODE_PROCESSES[name]] += seconds
    if missing := NODE_PROCESSES.keys() - seen:
        raise LookupError(f"no process of {', '.join(sorted(missing))} in the node")
    return found


def between(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """Return what was used meanwhile."""
    return {name: round(after[name] - before[name], 2) for name in before}
