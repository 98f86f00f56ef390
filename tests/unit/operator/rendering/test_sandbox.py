"""The sandbox of the render worker, against code that has all of the process, as the user of the shipped pod (DD-SANDBOX-001)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Final

import pytest

from tests.unit.operator.rendering.won_worker import PROGRAM

POD_USER: Final = 65532
LEFT_TO_THE_FILTER: Final = {
    *("close a descriptor", "close another one", "run a program", "make a folder"),
    *("limit the operator", "signal the operator"),
}
"""What no limit of resources prevents: a program and a folder need no descriptor, and the operator is a process of the same user."""

STARTED: Final = """
import ctypes, sys
import notification_{program}.app
from notification_{program} import cli

async def run(_settings):
    print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))

notification_{program}.app.run = run
sys.argv[1:] = ["{command}"]
cli.app()
"""
"""Prints whether the kernel would write the memory of the program to a file, and therefore shows it to its user."""


def succeeded(kernel: str) -> set[str]:
    """Return which attacks of the worker a kernel, with or without a filter of system calls, does not refuse."""
    user = POD_USER if os.getuid() == 0 else os.getuid()
    command = [*PROGRAM, "operator", str(user), kernel]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return {attack for attack, error in json.loads(done.stdout).items() if not error}


def test_code_in_the_render_worker_opens_reads_and_ends_nothing() -> None:
    assert succeeded("filtered") == set()


def test_code_in_the_render_worker_opens_nothing_without_a_filter() -> None:
    assert succeeded("unfiltered") == LEFT_TO_THE_FILTER


@pytest.mark.slow
@pytest.mark.parametrize(("program", "command"), [("operator", "run"), ("gateway", "serve")])
def test_program_hides_its_memory_before_it_works(program: str, command: str) -> None:
    source = STARTED.format(program=program, command=command)
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    assert done.stdout == "0\n"
