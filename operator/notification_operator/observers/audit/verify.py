"""Reads audit files for `audit-verify`: line by line, in the order of their chain."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


def numbered_lines(files: Iterable[Path]) -> Iterator[tuple[str, bytes]]:
    """Yield each line with its place as `FILE:LINE`.

    Raises:
        OSError: a file cannot be read.
    """
    for file in files:
        with file.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                yield f"{file}:{number}", line
