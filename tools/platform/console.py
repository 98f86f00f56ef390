"""The two consoles of a command: results go to standard output, progress and errors to standard error."""

from __future__ import annotations

import os
import sys

from rich.console import Console

PIPE_WIDTH = 200
"""Columns where the output is no terminal, so that a table keeps one line per row."""


class LastingConsole(Console):
    """Prints nothing more after its reader has gone; rich would end the thread that prints.

    The engine waits for the thread that handles its events, for as long as this process runs.
    """

    def on_broken_pipe(self) -> None:
        self.quiet = True
        # What is buffered would fail again at the end of the process.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.file.fileno())
        os.close(nowhere)


out = LastingConsole(
    highlight=False,
    markup=False,
    emoji=False,
    soft_wrap=True,
    width=None if sys.stdout.isatty() else PIPE_WIDTH,
)
err = LastingConsole(highlight=False, markup=False, emoji=False, soft_wrap=True, stderr=True)
