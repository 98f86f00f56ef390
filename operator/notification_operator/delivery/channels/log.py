"""Log: one JSON line a notification on standard output, for a log collector to pick up."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import orjson

from notification_operator.delivery.message_json import document
from notification_operator.domain.text.timestamps import format_time

if TYPE_CHECKING:
    from collections.abc import Callable

    from notification_operator.delivery.channel import Message


class LogChannel:
    """Writes whole lines only."""

    destination = None

    def __init__(self, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._clock = clock

    async def deliver(self, message: Message) -> None:
        """Write the message as one line."""
        line = {"timestamp": format_time(self._clock()), **document(message)}
        sys.stdout.buffer.write(orjson.dumps(line) + b"\n")
        sys.stdout.flush()
