"""Notifications one after the other, at a steady pace, while a test looks at something else."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextmanager
def traffic(create: Callable[[], object], *, every: float) -> Iterator[None]:
    """Create something each `every` seconds, until the end of the block; what `create` raises is raised there."""
    ended, failures = threading.Event(), list[Exception]()

    def run() -> None:
        while not ended.wait(every):
            try:
                create()
            except Exception as error:  # noqa: BLE001 - told at the end
                failures.append(error)
                return

    thread = threading.Thread(target=run, name="traffic", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
    if failures:
        raise failures[0]
