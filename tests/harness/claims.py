"""Who works with which disposable stack: a claim is a folder with a file that its owner keeps locked while it lives."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import socket
from typing import IO, TYPE_CHECKING

from tools.platform.pulumi.environment import STATE_FOLDER

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FOLDER = STATE_FOLDER / "ephemeral"
OWNER = "owner"


@contextlib.contextmanager
def claimed(name: str, folder: Path = FOLDER) -> Iterator[Path]:
    """Claim a stack's name; gives the folder for all that belongs to the stack on this machine.

    Whoever has left nothing behind gives the claim up with `release`; another one is for the next run to clear.
    """
    place = folder / name
    with _registry(folder):
        place.mkdir(parents=True)
        file = (place / OWNER).open("w")
        fcntl.flock(file, fcntl.LOCK_EX)
        json.dump({"host": socket.gethostname(), "pid": os.getpid()}, file)
        file.flush()
    with file:
        yield place


def release(place: Path) -> None:
    """Give a claim up, with all that lies in its folder."""
    shutil.rmtree(place)


@contextlib.contextmanager
def abandoned(folder: Path = FOLDER) -> Iterator[list[Path]]:
    """Take over the claims of this machine whose owners are dead; gives their folders.

    While the block lasts nobody else takes them over.
    """
    with contextlib.ExitStack() as held:
        found = []
        with _registry(folder):
            for place in sorted(folder.glob("*/")):
                file = _dead_owner(place)
                if file is not None:
                    held.enter_context(file)
                    found.append(place)
        yield found


def _dead_owner(place: Path) -> IO[str] | None:
    """Return the owner's file, locked, or None when the owner lives or worked on another machine."""
    try:
        file = (place / OWNER).open("r+")
    except FileNotFoundError:
        return None
    with contextlib.ExitStack() as undo:
        undo.callback(file.close)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return None
        # A file system that machines share tells nothing of another machine's locks.
        if _host(file) not in ("", socket.gethostname()):
            return None
        undo.pop_all()
    return file


def _host(file: IO[str]) -> str:
    try:
        return str(json.load(file)["host"])
    except (ValueError, KeyError):
        return ""


@contextlib.contextmanager
def _registry(folder: Path) -> Iterator[None]:
    """Hold the list of claims still, so that nobody takes one for abandoned that is just being made."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
