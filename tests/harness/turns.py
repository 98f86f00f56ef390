"""Turns: what only one test may use at a time, whichever process and whichever run the tests belong to."""

from __future__ import annotations

import fcntl
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def turn(folder: Path, what: str) -> Iterator[None]:
    """Wait until nobody else uses it; `folder` is the same for all that share it."""
    with (folder / f"{what}.turn").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
