"""Fills the tables of a program, each beyond its bound with the largest values of one namespace.

This runs in a process whose memory nothing else takes: the class `Tables` of a program has a method for each filling, which returns whether
another namespace is served as before.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from contextlib import AsyncExitStack
from importlib import import_module
from pathlib import Path
from typing import Any

import structlog

from tests.kit.gaps import Gaps


def tables_of(program: str) -> Any:
    """Return what fills the tables of a program."""
    return import_module(f"tests.unit.tables.{program}_tables").Tables


def fillings(program: str) -> list[str]:
    """Return the names of the fillings."""
    return [name for name in vars(tables_of(program)) if not name.startswith("_")]


async def fill(program: str) -> dict[str, Any]:
    """Return by filling how many MiB the process has taken until then, the longest gap, and whether the other namespace is served."""
    async with AsyncExitStack() as stack:
        tables = tables_of(program)(stack)
        found = {"none": {"memory": largest_memory(), "gap": 0.0, "served": True}}
        for name in fillings(program):
            gaps = Gaps()
            async with gaps.measured():
                served = await getattr(tables, name)()
            found[name] = {"memory": largest_memory(), "gap": round(gaps.longest, 3), "served": served}
    return found


def largest_memory() -> int:
    """Return the most MiB that this process has taken."""
    lines = Path("/proc/self/status").read_text("utf-8").splitlines()
    return next(int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM:"))


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    sys.stdout.write(json.dumps(asyncio.run(fill(sys.argv[1]))))
