"""The audit file: an append-only trail of chained lines for an operator without an audit store (DD-AUDIT-002)."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

import structlog

from notification_operator.observers.audit import chain
from notification_operator.observers.audit.store import AuditStore, Unavailable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

MODE: Final = 0o640
FLAGS: Final = os.O_RDWR | os.O_CREAT | os.O_APPEND
CLOSE_SECONDS: Final = 1.0
LONGEST_LINE: Final = 16 * 1024 * 1024
"""Bytes at the end of a file in which its last line is searched."""

logger = structlog.get_logger(__name__)


class FileAuditStore(AuditStore):
    """Appends batches to a file. A batch counts as written after `fsync`; an error leaves the batch with the writer.

    Args:
        path: the file; its directory is created.
        max_bytes: a batch that would make the file larger begins a new file.
        files: the number of rotated files that are kept.
    """

    def __init__(self, path: Path, *, max_bytes: int, files: int) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._files = files
        # A disk that hangs must not take the threads of others.
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="audit-file")
        self._lock: int | None = None
        self._fd: int | None = None
        self._size = 0
        self._first = 1
        """The number of the first line of the file."""
        self._last = chain.START

    async def write(self, events: Sequence[bytes]) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._executor, self._write, list(events))
        except OSError as error:
            raise Unavailable(f"{self._path} cannot be written: {error.strerror or error!r}") from error

    async def close(self) -> None:
        """See `AuditStore.close`. The log record lets an auditor find lines that are removed from the end."""
        # After a write that is still running, and without waiting for a disk that hangs.
        released = asyncio.get_running_loop().run_in_executor(self._executor, self._release)
        self._executor.shutdown(wait=False)
        await asyncio.wait({released}, timeout=CLOSE_SECONDS)

    def _write(self, events: Sequence[bytes]) -> None:
        try:
            fd = self._open()
            lines, last = [], self._last
            for event in events:
                line, last = chain.append(event, last)
                lines.append(line)
            data = b"".join(lines)
            if self._size and self._size + len(data) > self._max_bytes:
                self._rotate()
                fd = self._open()
            _write_all(fd, data)
            os.fsync(fd)
        except BaseException:
            self._discard()
            raise
        self._size += len(data)
        self._last = last

    def _open(self) -> int:
        """Return the file's descriptor; the first call locks the trail and reads where the chain ends."""
        if self._lock is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = _locked(self._path.with_name(f"{self._path.name}.lock"))
        if self._fd is None:
            fd = os.open(self._path, FLAGS, MODE)
            try:
                intact = self._resume(fd)
            except BaseException:
                os.close(fd)
                raise
            if not intact:
                os.close(fd)
                self._keep_damaged()
                fd = os.open(self._path, FLAGS, MODE)
            self._fd = fd
            _sync_directory(self._path)
        return self._fd

    def _resume(self, fd: int) -> bool:
        """Continue the chain of the file, or that of the newest rotated file; return False for a file that was changed."""
        size = _without_torn_line(fd, str(self._path))
        if size:
            head = chain.parse(os.pread(fd, LONGEST_LINE, 0).partition(b"\n")[0])
            last = _last_link(os.pread(fd, LONGEST_LINE, max(size - LONGEST_LINE, 0)))
            if head is None or last is None:
                return False
            self._first, self._last = head.sequence, last
        else:
            self._last = self._last_rotated()
            self._first = self._last.sequence + 1
        self._size = size
        return True

    def _last_rotated(self) -> chain.Link:
        """Return the position of the last line of the newest rotated file, where the chain continues."""
        rotated = self._rotated()
        if not rotated:
            return chain.START
        with rotated[-1].open("rb") as file:
            file.seek(max(os.fstat(file.fileno()).st_size - LONGEST_LINE, 0))
            return _last_link(file.read()) or chain.START

    def _keep_damaged(self) -> None:
        """Keep a file that was changed, as evidence, and begin a new chain; the numbers of its lines continue."""
        with self._path.open("rb") as file:
            sequence = self._last_rotated().sequence + sum(1 for _ in file)
        damaged = self._path.with_name(f"{self._path.name}.damaged")
        number = 0
        while damaged.exists():
            number += 1
            damaged = self._path.with_name(f"{self._path.name}.damaged.{number}")
        self._path.rename(damaged)
        logger.error("audit file was changed by another writer; beginning a new chain", kept=str(damaged))
        self._size, self._first = 0, sequence + 1
        self._last = chain.Link(sequence=sequence, previous=chain.GENESIS, hash=chain.GENESIS)

    def _rotate(self) -> None:
        """Rename the file by the number of its first line, and delete the oldest files; the chain continues."""
        last = self._last
        target = self._path.with_name(f"{self._path.stem}.{self._first:012d}{self._path.suffix}")
        self._path.rename(target)
        self._close_file()
        logger.info("audit file rotated", file=str(target), sequence=last.sequence, hash=last.hash)
        for old in self._rotated()[: -self._files]:
            old.unlink()
            logger.info("oldest audit file deleted", file=str(old))

    def _rotated(self) -> list[Path]:
        """Return the rotated files, oldest first."""
        name = re.compile(rf"{re.escape(self._path.stem)}\.([0-9]{{12,18}}){re.escape(self._path.suffix)}")
        matches = ((name.fullmatch(path.name), path) for path in self._path.parent.iterdir())
        return [path for _, path in sorted((int(match[1]), path) for match, path in matches if match)]

    def _discard(self) -> None:
        """Remove a batch that was written in part; the next write reads the end of the file again."""
        if self._fd is not None:
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, self._size)
        self._close_file()

    def _close_file(self) -> None:
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)

    def _release(self) -> None:
        if self._fd is not None:
            last = self._last
            logger.info("audit file closed", file=str(self._path), sequence=last.sequence, hash=last.hash)
        self._close_file()
        lock, self._lock = self._lock, None
        if lock is not None:
            os.close(lock)


def _locked(path: Path) -> int:
    """Lock the trail: two writers would break its chain.

    Raises:
        OSError: another process holds the lock.
    """
    fd = os.open(path, os.O_RDWR | os.O_CREAT, MODE)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(fd)
        raise OSError(error.errno, "another process writes it") from None
    except OSError:
        os.close(fd)
        raise
    return fd


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def _without_torn_line(fd: int, name: str) -> int:
    """Remove an incomplete last line, which a crash left before it counted as written; return the size."""
    size = os.fstat(fd).st_size
    tail = os.pread(fd, LONGEST_LINE, max(size - LONGEST_LINE, 0))
    complete = size - len(tail) + tail.rfind(b"\n") + 1
    if complete < size:
        logger.warning("removing an incomplete line from the audit file", file=name, bytes=size - complete)
        os.ftruncate(fd, complete)
    return complete


def _last_link(data: bytes) -> chain.Link | None:
    """Return the position of the last line of complete lines."""
    return chain.parse(data[:-1].rpartition(b"\n")[2])


def _sync_directory(path: Path) -> None:
    """Make the names in the directory of a file durable."""
    fd = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
