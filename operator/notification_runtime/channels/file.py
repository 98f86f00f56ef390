"""File: one JSON file per message, written atomically."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import tempfile
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Final

import orjson

from notification_runtime.delivery.channel import Channel, Transient
from notification_runtime.delivery.daemon_threads import DaemonThreads, SaturatedError
from notification_runtime.delivery.local.file_storage import (
    BLOCK,
    NO_LIMITS,
    TEMPORARY_PREFIX,
    TEMPORARY_SUFFIX,
    FileStorage,
    Limits,
)
from notification_runtime.delivery.local.messages import message_json

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable
    from pathlib import Path

    from notification_runtime.delivery.channel import Message

MAX_NAME = 180
"""Characters of an object's name in a file name; with its time the file name stays below 255 bytes."""
THREADS: Final = 8
"""Files that are written at once. A disk that hangs takes these threads and no others."""
FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
UNSUPPORTED: Final = frozenset({errno.EINVAL, errno.ENOTSUP})
"""The answers of file systems that cannot synchronize a directory."""


class FileChannel(Channel):
    """Writes into one directory, and creates it when it is missing."""

    destination = None
    concurrency = THREADS

    def __init__(
        self,
        directory: Path,
        *,
        limits: Limits = NO_LIMITS,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._directory = directory
        self._clock = clock
        self.threads = DaemonThreads(THREADS, name="file channel")
        self.storage = FileStorage(directory, limits, clock=clock)
        self.storage.start()

    async def deliver(self, message: Message) -> None:
        """Write the file; its name holds the local time.

        Raises:
            Transient: the directory cannot be created or written to; the text names directory and cause.
        """
        name = f"notification-{_shortened(message.name)}-{self._clock().astimezone():%Y%m%d-%H%M%S.%f}.json"
        content = orjson.dumps(message_json(message), option=orjson.OPT_INDENT_2)
        try:
            await self.threads.run(partial(self.write_atomically, name, content))
        except SaturatedError as error:
            raise Transient(f"the disk of {self._directory} does not respond") from error
        except OSError as error:
            if error.errno in FULL:
                self.storage.full()
                text = (
                    f"no space left for {self._directory}: {error.strerror}; free some, or enlarge the volume"
                )
                raise Transient(text) from error
            raise Transient(f"cannot write to {self._directory}: {error.strerror or error}") from error

    def write_atomically(self, name: str, content: bytes, abandoned: threading.Event) -> None:
        self._directory.mkdir(mode=0o755, parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(
            dir=self._directory, prefix=TEMPORARY_PREFIX, suffix=TEMPORARY_SUFFIX
        )
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
                size = os.fstat(file.fileno()).st_blocks * BLOCK
            os.chmod(temporary, 0o644)  # noqa: PTH101 - other processes read the files
            _require_wanted(abandoned)
            os.replace(temporary, self._directory / name)  # noqa: PTH105 - mkstemp returns a str
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)  # noqa: PTH108 - likewise
            raise
        self.storage.written(size)
        self._sync_directory()

    def _sync_directory(self) -> None:
        """Make the new name survive a power failure, where the file system can."""
        handle = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        except OSError as error:
            if error.errno not in UNSUPPORTED:
                raise
        finally:
            os.close(handle)


create = FileChannel


def _require_wanted(abandoned: threading.Event) -> None:
    """Refuse to publish the file of an attempt that is already recorded as a failure."""
    if abandoned.is_set():
        raise OSError(errno.ETIMEDOUT, "the attempt has timed out")


def _shortened(name: str) -> str:
    """Return the name, truncated and made unique by a hash where it is too long for a file name."""
    if len(name) <= MAX_NAME:
        return name
    return f"{name[:MAX_NAME]}-{hashlib.sha256(name.encode()).hexdigest()[:12]}"
