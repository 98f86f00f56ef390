"""File: one JSON file per message, written atomically."""

from __future__ import annotations

import asyncio
import hashlib
import os
import tempfile
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import orjson

from notification_operator.delivery.channel import Transient
from notification_operator.delivery.message_json import message_json

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from notification_operator.delivery.channel import Message

MAX_NAME = 180
"""Characters of an object's name in a file name; with its time the file name stays below 255 bytes."""


class FileChannel:
    """Writes into one directory, and creates it when it is missing."""

    destination = None

    def __init__(self, directory: Path, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._directory = directory
        self._clock = clock

    async def deliver(self, message: Message) -> None:
        """Write the file; its name holds the local time.

        Raises:
            Transient: the directory cannot be created or written to; the text names directory and cause.
        """
        name = f"notification-{_shortened(message.name)}-{self._clock().astimezone():%Y%m%d-%H%M%S.%f}.json"
        content = orjson.dumps(message_json(message), option=orjson.OPT_INDENT_2)
        try:
            await asyncio.to_thread(self._write, name, content)
        except OSError as error:
            raise Transient(f"cannot write to {self._directory}: {error.strerror or error}") from error

    def _write(self, name: str, content: bytes) -> None:
        self._directory.mkdir(mode=0o755, parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=self._directory, prefix=".", suffix=".tmp")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(temporary, 0o644)  # noqa: PTH101 - other processes read the files
            os.replace(temporary, self._directory / name)  # noqa: PTH105 - mkstemp returns a str
        except BaseException:
            os.unlink(temporary)  # noqa: PTH108 - likewise
            raise


def _shortened(name: str) -> str:
    """Return the name, truncated and made unique by a hash where it is too long for a file name."""
    if len(name) <= MAX_NAME:
        return name
    return f"{name[:MAX_NAME]}-{hashlib.sha256(name.encode()).hexdigest()[:12]}"
