"""Console: one record of the operator's own log per message."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from notification_domain.rendering.headline import headline
from notification_runtime.delivery.channel import Channel
from notification_runtime.delivery.local.messages import bounded_text

if TYPE_CHECKING:
    from notification_runtime.delivery.channel import Message

logger = structlog.get_logger("console")


class ConsoleChannel(Channel):
    """Logs the message; never fails."""

    destination = None

    async def deliver(self, message: Message) -> None:
        """Log `[priority] [type] subject`, then the body, as one info record of bounded length."""
        content = message.content
        subject = headline(message.event, content.subject)
        text = f"[{content.priority}] [{content.type}] {subject}\n{content.body}\n"
        logger.info(
            bounded_text(text, message),
            notification=f"{message.namespace}/{message.name}",
            uid=message.uid,
            attempt=message.id,
        )


create = ConsoleChannel
