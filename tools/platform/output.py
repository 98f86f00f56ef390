"""The outputs of a command: a reader that closes or stops never stops the command or a program that it runs."""

from __future__ import annotations

import contextlib
import os
import stat
import subprocess
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LOG = Path(__file__).resolve().parents[2] / "build" / "closed-output.log"
"""Holds what was written after the reader of an output has gone."""
RELAY = Path(__file__).with_name("relay.py")
END_SECONDS = 5.0
"""Seconds that the end of a command waits for a reader that does not read."""
OUTPUTS = (1, 2)


@contextlib.contextmanager
def relayed(*, keep: bool = True) -> Iterator[None]:
    """Let another process pass on what is written to the outputs that are pipes, also by programs that the block runs.

    After the reader has gone, the rest goes to LOG, or nowhere if it should not be kept because it may contain secrets. The
    process ends with the last program that can write.
    """
    targets = {number: os.fstat(number) for number in OUTPUTS if _is_piped(number)}
    if not targets:
        yield
        return
    # One pipe for both outputs keeps their order.
    same = len(targets) > 1 and os.path.samestat(*targets.values())
    pipes = {number: os.pipe() for number in list(targets)[: 1 if same else None]}
    relay = _started({source: number for number, (source, _) in pipes.items()}, keep=keep)
    first = next(iter(targets))
    for number in targets:
        os.dup2(pipes[first if same else number][1], number)
    for ends in pipes.values():
        for end in ends:
            os.close(end)
    try:
        yield
    except Exception:
        # Python would print it after the outputs are closed.
        traceback.print_exc()
        raise
    finally:
        _finish(relay, targets)


def _is_piped(number: int) -> bool:
    try:
        mode = os.fstat(number).st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def _started(targets: Mapping[int, int], *, keep: bool) -> subprocess.Popen[bytes]:
    """Start the relay, which reads each source and writes to its target; it is in its own session, where no signal for us is sent."""
    words = " ".join(["notif-platform", *sys.argv[1:]])
    pairs = [f"{source}:{target}" for source, target in targets.items()]
    return subprocess.Popen(
        [sys.executable, "-I", "-S", RELAY, str(LOG) if keep else "", words, *pairs],
        stdin=subprocess.DEVNULL,
        pass_fds=list(targets),
        start_new_session=True,
    )


def _finish(relay: subprocess.Popen[bytes], targets: Mapping[int, os.stat_result]) -> None:
    """Close the outputs, and wait until everything is passed on: a container ends with its first process."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for number in targets:
        os.dup2(nowhere, number)
    with contextlib.suppress(subprocess.TimeoutExpired):
        relay.wait(END_SECONDS)
