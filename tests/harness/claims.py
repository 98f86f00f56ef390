"""Which process owns which disposable stack: a claim is a folder with a file that its owner locks while it lives."""

from __future__ import annotations

import contextlib
import shutil
import socket
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from tools.platform.pulumi.environment import STATE_FOLDER

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FOLDER = STATE_FOLDER / "ephemeral"
OWNER = "owner"
"""Holds the name of the owner's machine: locks of another machine are not visible here."""


@contextlib.contextmanager
def claimed(name: str, folder: Path = FOLDER) -> Iterator[Path]:
    """Claim a stack's name; gives the folder for its files on this machine.

    `release` ends a claim after a complete cleanup; without it the next run cleans up.
    """
    place = folder / name
    with _registry(folder):
        place.mkdir(parents=True)
        (place / OWNER).write_text(socket.gethostname(), "utf-8")
        lock = _lock(place).acquire()
    with lock:
        yield place


def release(place: Path) -> None:
    shutil.rmtree(place)


@contextlib.contextmanager
def abandoned(folder: Path = FOLDER) -> Iterator[list[Path]]:
    """Take over the claims of this machine whose owners have ended; no other process can meanwhile."""
    with contextlib.ExitStack() as locks:
        with _registry(folder):
            places = [place for place in sorted(folder.glob("*/")) if _take_over(place, locks)]
        yield places


def _take_over(place: Path, locks: contextlib.ExitStack) -> bool:
    owner = place / OWNER
    if not owner.exists() or owner.read_text("utf-8") != socket.gethostname():
        return False
    try:
        locks.enter_context(_lock(place).acquire(blocking=False))
    except Timeout:
        return False
    return True


def _lock(place: Path) -> FileLock:
    return FileLock(place / "owner.lock")


def _registry(folder: Path) -> FileLock:
    """Return the lock that protects a claim while it is being created."""
    folder.mkdir(parents=True, exist_ok=True)
    return FileLock(folder / "lock")
