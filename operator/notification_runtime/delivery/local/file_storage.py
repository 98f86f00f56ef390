"""The files of one directory within their limits: which ones to remove, and the thread that removes them."""

from __future__ import annotations

import contextlib
import heapq
import os
import re
import threading
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import structlog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime
    from pathlib import Path

PREFIX, SUFFIX = "notification-", ".json"
"""Names of the files; others stay."""
TEMPORARY_PREFIX, TEMPORARY_SUFFIX = ".notification-", ".tmp"
"""Names of files that are being written."""
LEFTOVER_SECONDS: Final = 300.0
"""Age of a temporary file that nobody writes any more: its attempt has timed out long ago."""
MOST_FILES: Final = 50_000
"""Files of the directory, so that looking through them stays cheap."""
FULL_SHARE, CLEARED_SHARE = 0.9, 0.8
"""Shares of the limits: removing begins above the first one, and ends at the second one."""
INTERVAL: Final = 3600.0
"""Seconds between two looks at the ages of the files."""
HEAD: Final = 2048
"""Bytes at the beginning of a file that contain the namespace."""
NAMESPACE: Final = re.compile(rb'"notification_namespace": "([^"]*)"')
BLOCK: Final = 512
"""Bytes of a unit of `st_blocks`."""
DAY: Final = 86_400.0

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits of a directory; 0 stands for none."""

    bytes: int = 0
    seconds: float = 0.0
    """Age at which a file is removed."""
    files: int = MOST_FILES


NO_LIMITS: Final = Limits()
"""Neither space nor age is limited."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """A file of the directory; `size` is the space that it takes on the disk."""

    name: str
    namespace: str
    size: int
    modified: float


def expired(files: Iterable[StoredFile], limits: Limits, *, now: float) -> list[StoredFile]:
    return [file for file in files if limits.seconds and now - file.modified > limits.seconds]


def surplus(files: Iterable[StoredFile], limits: Limits) -> list[StoredFile]:
    """Return the files to remove when the directory is over its limits; none when it is not. Pure.

    The next file to go is always the oldest of the namespace that takes the most space. A namespace that takes less than its
    share therefore loses nothing because of another one.
    """
    by_namespace: dict[str, deque[StoredFile]] = {}
    for file in sorted(files, key=lambda each: each.modified):
        by_namespace.setdefault(file.namespace, deque()).append(file)
    used = sum(file.size for queue in by_namespace.values() for file in queue)
    count = sum(map(len, by_namespace.values()))
    if not over(limits, used=used, count=count, share=FULL_SHARE):
        return []
    largest = [(-sum(file.size for file in queue), name) for name, queue in by_namespace.items()]
    heapq.heapify(largest)
    removed = []
    while over(limits, used=used, count=count, share=CLEARED_SHARE):
        size, name = heapq.heappop(largest)
        file = by_namespace[name].popleft()
        removed.append(file)
        used, count = used - file.size, count - 1
        if by_namespace[name]:
            heapq.heappush(largest, (size + file.size, name))
    return removed


def over(limits: Limits, *, used: int, count: int, share: float) -> bool:
    """Return whether space or number of files are above a share of the limits."""
    too_much = bool(limits.bytes) and used > share * limits.bytes
    return too_much or (bool(limits.files) and count > share * limits.files)


class FileStorage:
    """Keeps a directory within its limits, in a thread of its own: a disk that hangs delays no delivery."""

    def __init__(self, directory: Path, limits: Limits, *, clock: Callable[[], datetime]) -> None:
        self._directory = directory
        self._limits = limits
        self._clock = clock
        self._wanted = threading.Event()
        self._lock = threading.Lock()
        self._used = self._count = 0
        """Since the last look at the directory, plus what has been written since."""

    def start(self) -> None:
        """Look at the directory now, in each interval, and whenever it is full."""
        threading.Thread(target=self._run, name="file storage", daemon=True).start()

    def written(self, size: int) -> None:
        self._add(size, 1)

    def _add(self, used: int, count: int) -> None:
        with self._lock:
            self._used += used
            self._count += count
            full = over(self._limits, used=self._used, count=self._count, share=FULL_SHARE)
        if full:
            self._wanted.set()

    def full(self) -> None:
        """Look at the directory, because a file did not fit."""
        self._wanted.set()

    def _run(self) -> None:
        self._remove_leftovers()
        while True:
            try:
                self.clean()
            except Exception:
                logger.exception(
                    "cannot clean up the directory of the file channel", directory=str(self._directory)
                )
            self._wanted.wait(INTERVAL)
            self._wanted.clear()

    def clean(self) -> None:
        with self._lock:
            used, count = self._used, self._count
        files = list(self._files())
        old = expired(files, self._limits, now=self._clock().timestamp())
        gone = {file.name for file in old}
        kept = [file for file in files if file.name not in gone]
        unwanted = surplus(kept, self._limits)
        for file in (*old, *unwanted):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._directory / file.name)  # noqa: PTH108 - `os` as in the rest of the module
        # What was written during the look stays counted, and may be counted twice until the next one.
        left = sum(file.size for file in kept) - sum(file.size for file in unwanted)
        self._add(left - used, len(kept) - len(unwanted) - count)
        if old:
            logger.info("files removed by age", directory=str(self._directory), files=len(old))
        if unwanted:
            logger.warning(
                "files removed to keep the volume below its size",
                directory=str(self._directory),
                files=len(unwanted),
                namespaces=sorted({file.namespace for file in unwanted}),
                hint="collect the files more often, or enlarge the volume (channels.file.size)",
            )

    def _files(self) -> Iterator[StoredFile]:
        with contextlib.suppress(FileNotFoundError), os.scandir(self._directory) as entries:
            for entry in entries:
                if entry.name.startswith(PREFIX) and entry.name.endswith(SUFFIX):
                    with contextlib.suppress(FileNotFoundError):
                        stat = entry.stat(follow_symlinks=False)
                        yield StoredFile(
                            name=entry.name,
                            namespace=_namespace(entry.path),
                            size=stat.st_blocks * BLOCK,
                            modified=stat.st_mtime,
                        )

    def _remove_leftovers(self) -> None:
        """Remove the temporary files of a process that ended while it wrote; another one may be writing now."""
        oldest = self._clock().timestamp() - LEFTOVER_SECONDS
        with contextlib.suppress(OSError), os.scandir(self._directory) as entries:
            for entry in entries:
                if entry.name.startswith(TEMPORARY_PREFIX) and entry.name.endswith(TEMPORARY_SUFFIX):
                    with contextlib.suppress(OSError):
                        if entry.stat().st_mtime < oldest:
                            os.unlink(entry.path)  # noqa: PTH108 - scandir returns a str


def _namespace(path: str) -> str:
    """Return the namespace of the notification in a file; empty where it cannot be read."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - scandir returns a str
            match = NAMESPACE.search(file.read(HEAD))
    except OSError:
        return ""
    return match[1].decode(errors="replace") if match else ""
