"""A relay for the outputs of a command: a reader that closes or stops never stops the command or a program that it runs."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import stat
import sys
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

LOG = Path(__file__).resolve().parents[2] / "build" / "closed-output.log"
"""Holds what was written after the reader of an output has gone."""
LOG_BYTES = 1_000_000
CHUNK = 65536
WITHOUT_BLOCKING = 4096
"""Bytes that a pipe takes in one piece if it takes any (PIPE_BUF of Linux)."""
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
    pipes = {number: os.pipe() for number in targets}
    if (relay := os.fork()) == 0:
        _relay(pipes, keep=keep)
    # One pipe for both outputs keeps their order.
    first = next(iter(targets))
    same = len(targets) > 1 and os.path.samestat(*targets.values())
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


def _finish(relay: int, targets: dict[int, os.stat_result]) -> None:
    """Close the outputs, and wait until everything is passed on: a container ends with its first process."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for number in targets:
        os.dup2(nowhere, number)
    # Only Linux has descriptors of processes.
    with contextlib.suppress(OSError, AttributeError):
        select.select([os.pidfd_open(relay)], [], [], END_SECONDS)


@dataclass(slots=True)
class _Output:
    source: int
    target: int
    waiting: bytes = b""
    ended: bool = False
    closed: bool = False

    @property
    def done(self) -> bool:
        return self.ended and not self.waiting


def _relay(pipes: dict[int, tuple[int, int]], *, keep: bool) -> None:
    """Pass on all outputs until nothing can write any more, and end this process."""
    try:
        os.setsid()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
            signal.signal(number, signal.SIG_IGN)
        for _, end in pipes.values():
            os.close(end)
        outputs = [_Output(source, number) for number, (source, _) in pipes.items()]
        while not all(output.done for output in outputs):
            _pass_on(outputs, keep=keep)
    finally:
        os._exit(0)


def _pass_on(outputs: list[_Output], *, keep: bool) -> None:
    """Wait until an output can be read or written, and do so. A reader that waits is not waited for."""
    poller = select.poll()
    for output in outputs:
        if not output.ended:
            poller.register(output.source, select.POLLIN)
        if output.waiting:
            poller.register(output.target, select.POLLOUT)
    ready = dict(poller.poll())
    for output in outputs:
        if output.source in ready and not output.ended:
            read = os.read(output.source, CHUNK)
            output.waiting, output.ended = output.waiting + read, not read
        if output.target in ready and output.waiting:
            _write(output, keep=keep)


def _write(output: _Output, *, keep: bool) -> None:
    try:
        written = os.write(output.target, output.waiting[: CHUNK if output.closed else WITHOUT_BLOCKING])
    except OSError:
        if not output.closed:
            _redirect(output, keep=keep)
            return
        written = len(output.waiting)
    output.waiting = output.waiting[written:]


def _redirect(output: _Output, *, keep: bool) -> None:
    """Send the rest of an output whose reader has gone to the log."""
    output.closed = True
    log = os.open(os.devnull, os.O_WRONLY)
    if keep:
        with contextlib.suppress(OSError):
            LOG.parent.mkdir(exist_ok=True)
            fresh = os.O_TRUNC if LOG.exists() and LOG.stat().st_size > LOG_BYTES else 0
            log = os.open(LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND | fresh, 0o600)
    os.dup2(log, output.target)
    words = " ".join(["notif-platform", *sys.argv[1:]])
    os.write(log, f"== {time.strftime('%F %T')} {words}: the reader of its output has gone\n".encode())
