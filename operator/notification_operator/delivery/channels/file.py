"""File: one JSON file a notification, there whole or not at all."""

from __future__ import annotations

import asyncio
import hashlib
import os
import tempfile
from datetime import datetime
from typing import TYPE_CHECKING

import orjson

from notification_operator.delivery.channel import Transient
from notification_operator.delivery.message_json import document

if TYPE_CHECKING:
    from pathlib import Path

    from notification_operator.delivery.channel import Message

LONGEST_NAME = 180
"""Characters of an object's name that a file name holds; with its time it stays below 255 bytes."""


class FileChannel:
    """Writes into one directory, which is made when it is missing."""

    destination = None

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    async def deliver(self, message: Message) -> None:
        """Write the file.

        Raises:
            Transient: the directory cannot be made or written to; the text names it and the cause.
        """
        name = f"notification-{_short(message.name)}-{datetime.now().astimezone():%Y%m%d-%H%M%S.%f}.json"
        content = orjson.dumps(document(message), option=orjson.OPT_INDENT_2)
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
            os.chmod(temporary, 0o644)  # noqa: PTH101 - others may read what was delivered
            os.replace(temporary, self._directory / name)  # noqa: PTH105 - mkstemp gives a plain name
        except BaseException:
            os.unlink(temporary)  # noqa: PTH108 - likewise
            raise


def _short(name: str) -> str:
    """Return the name, cut and marked with a hash where it is too long for a file name."""
    if len(name) <= LONGEST_NAME:
        return name
    return f"{name[:LONGEST_NAME]}-{hashlib.sha256(name.encode()).hexdigest()[:12]}"
