"""Programs with a time limit, and cleanups that no signal interrupts."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from typing import TYPE_CHECKING

from tools.platform.console import err
from tools.platform.processes import ENDING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

GRACE_SECONDS = 20.0
TIMED_OUT = 124
"""Exit code of a program that exceeded its time limit, as in timeout(1)."""


def run(command: Sequence[str], *, variables: Mapping[str, str], cwd: Path, limit: float) -> int:
    """Run a program and return its exit code, or TIMED_OUT; it receives SIGINT first, and SIGKILL after a grace period.

    Raises:
        KeyboardInterrupt: this process was interrupted; the program has ended.
    """
    with subprocess.Popen(command, env={**os.environ, **variables}, cwd=cwd) as process:
        try:
            return process.wait(timeout=limit)
        except subprocess.TimeoutExpired:
            err.print(f"timed out after {limit:g} s; stopping it")
            process.send_signal(signal.SIGINT)
            _end(process)
            return TIMED_OUT
        except BaseException:
            # The program received the same signal; a second one would abort its shutdown.
            _end(process)
            raise


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(timeout=GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Ignore SIGINT, SIGTERM and SIGHUP while the block runs; SIGKILL still works."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
