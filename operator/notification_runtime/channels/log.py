"""Log: one JSON line per message on standard output, for a log collector."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from notification_domain.json_values import format_time
from notification_runtime.delivery.channel import Channel
from notification_runtime.delivery.local.messages import bounded_line, message_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from notification_runtime.delivery.channel import Message


class LogChannel(Channel):
    destination = None

    def __init__(self, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._clock = clock

    async def deliver(self, message: Message) -> None:
        """Write the message as one line of JSON of bounded length."""
        line = {"timestamp": format_time(self._clock()), **message_json(message)}
        sys.stdout.buffer.write(bounded_line(line, message) + b"\n")
        sys.stdout.flush()


create = LogChannel
