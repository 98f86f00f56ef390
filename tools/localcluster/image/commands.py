"""Running a program and turning its failure into an error that a person can act on."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_SHOWN_LINES = 15


class NodeImageError(Exception):
    """An image cannot be made; the text names the step, its last output and the remedy where it is known."""


def run(command: Sequence[str], *, log: Path | None = None) -> str:
    """The program's output, when it ends well; with `log`, the output goes there instead.

    Raises:
        NodeImageError: It failed or is not there.
    """
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    except FileNotFoundError as error:
        raise NodeImageError(
            f"there is no `{command[0]}` on PATH: install it and run the same command again"
        ) from error
    if log is not None:
        log.write_text(done.stdout)
    if done.returncode != 0:
        lines = "\n".join(f"    {line}" for line in done.stdout.splitlines()[-_SHOWN_LINES:])
        raise NodeImageError(f"`{' '.join(command[:3])}` ended with {done.returncode}:\n{lines}")
    return done.stdout


def has_image(tag: str) -> bool:
    """Whether Docker holds this image."""
    command = ["docker", "image", "inspect", "--format={{.Id}}", tag]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
