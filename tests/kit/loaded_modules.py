"""The modules of a program when it begins its work."""

from __future__ import annotations

import subprocess
import sys
from typing import Final

PROGRAM: Final = """
import runpy, sys, uvloop

def run(work):
    work.close()
    print(*sys.modules)
    return 0

uvloop.run = run
package, *sys.argv[1:] = sys.argv[1:]
runpy.run_module(package, run_name="__main__")
"""


def loaded_modules(package: str, command: str) -> frozenset[str]:
    """Return the modules that a command of a package has loaded when its event loop would begin."""
    program = [sys.executable, "-c", PROGRAM, package, command]
    return frozenset(subprocess.run(program, capture_output=True, text=True, check=True).stdout.split())
