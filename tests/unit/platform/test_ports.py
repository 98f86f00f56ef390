"""Free ports: a process gets none twice, and no two processes that run together get the same."""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack

from tools.platform.ports import SHARE

PROCESSES = 8
COUNT = SHARE - 50
PROGRAM = f"from tools.platform.ports import free_port; print(*(free_port() for _ in range({COUNT})), flush=True); input()"


def test_processes_that_run_together_get_different_ports() -> None:
    with ExitStack() as stack:
        processes = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
                )
            )
            for _ in range(PROCESSES)
        ]
        found = [port for each in processes if each.stdout for port in each.stdout.readline().split()]
        for each in processes:
            each.communicate("\n")
    assert len(found) == len(set(found)) == PROCESSES * COUNT
