"""Asks before something is sent or deleted; without a terminal, only `--yes` is an answer."""

from __future__ import annotations

import signal
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from notification_cli.actions.checks import usage
from notification_cli.views.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterator

ANSWERS = frozenset({"y", "yes"})


def demand_answer(*, yes: bool) -> None:
    """Refuse a command that cannot be confirmed, before a connection is made.

    Raises:
        CliError: there is neither a terminal nor `--yes`.
    """
    if not yes and not sys.stdin.isatty():
        raise usage("--yes is missing, and there is no terminal to ask at; add --yes")


def confirmed(question: str, *, yes: bool) -> bool:
    """Return whether the user agrees."""
    if yes:
        return True
    # Standard output holds the result alone.
    sys.stdout.flush()
    sys.stderr.write(f"{clean(question)} [y/N] ")
    sys.stderr.flush()
    with _interruptible():
        return sys.stdin.readline().strip().lower() in ANSWERS


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let the first Ctrl-C end the process: asyncio only notes it until the answer is read."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
