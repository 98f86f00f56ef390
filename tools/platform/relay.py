"""Passes on what a command writes. It starts with each command, so it imports no module that is slow to load.

Usage: relay.py LOG WORDS SOURCE:TARGET…, where each source is a descriptor to read and each target one to write. The rest of an
output whose reader has gone is written to LOG, with WORDS before it; an empty LOG drops it.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time

LOG_BYTES = 1_000_000
CHUNK = 65536


class Output:
    """An output of the command; its reader may be slow, or gone."""

    __slots__ = ("closed", "ended", "source", "target", "waiting")

    def __init__(self, *, source: int, target: int) -> None:
        self.source, self.target = source, target
        self.waiting = b""
        self.ended = False
        self.closed = False

    @property
    def done(self) -> bool:
        return self.ended and not self.waiting

    def read(self) -> None:
        read = os.read(self.source, CHUNK)
        self.waiting, self.ended = self.waiting + read, not read

    def write(self, log: str, words: str) -> None:
        # A pipe takes PIPE_BUF bytes without blocking if it takes any.
        size = CHUNK if self.closed else select.PIPE_BUF
        try:
            written = os.write(self.target, self.waiting[:size])
        except OSError:
            if not self.closed:
                self._redirect(log, words)
                return
            written = len(self.waiting)
        self.waiting = self.waiting[written:]

    def _redirect(self, log: str, words: str) -> None:
        """Send the rest to the log: the reader has gone."""
        self.closed = True
        file = _opened(log)
        os.dup2(file, self.target)
        line = f"== {time.strftime('%F %T')} {words}: the reader of its output has gone\n"
        os.write(file, line.encode())


def _opened(log: str) -> int:
    if log:
        try:
            os.makedirs(os.path.dirname(log), exist_ok=True)  # noqa: PTH103, PTH120 - pathlib takes long to import
            fresh = os.O_TRUNC if _size(log) > LOG_BYTES else 0
            return os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | fresh, 0o600)
        except OSError:
            pass
    return os.open(os.devnull, os.O_WRONLY)


def _size(file: str) -> int:
    return os.stat(file).st_size if os.path.exists(file) else 0  # noqa: PTH110, PTH116 - as above


def pass_on(outputs: list[Output], log: str, words: str) -> None:
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
            output.read()
        if output.target in ready and output.waiting:
            output.write(log, words)


def main(log: str, words: str, *pairs: str) -> None:
    """Pass on all outputs until nothing can write any more."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    ends = (pair.partition(":") for pair in pairs)
    outputs = [Output(source=int(source), target=int(target)) for source, _, target in ends]
    while not all(output.done for output in outputs):
        pass_on(outputs, log, words)


if __name__ == "__main__":
    main(*sys.argv[1:])
