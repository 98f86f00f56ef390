"""The two consoles of a command: results go to standard output, progress and errors to standard error."""

from __future__ import annotations

import sys

from rich.console import Console

PIPE_WIDTH = 200
"""Columns where the output is no terminal, so that a table keeps one line per row."""

out = Console(
    highlight=False,
    markup=False,
    emoji=False,
    soft_wrap=True,
    width=None if sys.stdout.isatty() else PIPE_WIDTH,
)
err = Console(highlight=False, markup=False, emoji=False, soft_wrap=True, stderr=True)
