"""Slack: one message of blocks per notification, through an incoming webhook.

Nothing is truncated and nothing is escaped: a text that exceeds one block continues in the next one of its
kind. The headers together are the emoji and the subject, the sections together are the body.
"""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import orjson

from notification_operator.delivery.http_client import HttpClient

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from notification_operator.delivery.channel import Message
    from notification_operator.domain.model import Content

MAX_HEADER: Final = 150
MAX_SECTION: Final = 3000
MAX_BLOCKS: Final = 50
"""Slack's limits; a longer notification continues in a further message."""

EMOJI: Final = {
    "critical": "\N{POLICE CARS REVOLVING LIGHT}",
    "high": "\N{WARNING SIGN}\N{VARIATION SELECTOR-16}",
    "medium": "\N{INFORMATION SOURCE}\N{VARIATION SELECTOR-16}",
    "low": "\N{SPEECH BALLOON}",
}
OTHER_EMOJI: Final = "\N{PUBLIC ADDRESS LOUDSPEAKER}"


class SlackChannel:
    """Posts to one webhook, the only destination."""

    def __init__(
        self,
        url: str,
        *,
        connections: int,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.destination = url
        self.concurrency = connections
        self._http = HttpClient(url, connections=connections, clock=clock)

    async def deliver(self, message: Message) -> None:
        """Post the message; a very long one in several parts, in order.

        Raises:
            Transient: Slack or the network failed; a repeat posts every part again.
            Permanent: Slack refused the message, or its certificate is not trusted.
        """
        for number, payload in enumerate(payloads(message.content), start=1):
            key = message.id if number == 1 else f"{message.id}:{number}"
            headers = {"Content-Type": "application/json", "Idempotency-Key": key}
            await self._http.post(orjson.dumps(payload), headers=headers)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()


def payloads(content: Content) -> Iterator[dict[str, Any]]:
    """Yield the payloads of a notification, in order; only the longest have more than one."""
    title = f"{EMOJI.get(content.priority, OTHER_EMOJI)} {content.subject}"
    blocks = _blocks(title, content)
    while part := list(islice(blocks, MAX_BLOCKS)):
        yield {"text": title, "blocks": part}


def _blocks(title: str, content: Content) -> Iterator[dict[str, Any]]:
    for text in pieces(title, MAX_HEADER):
        # With `emoji` false Slack keeps texts such as :one: as written.
        yield {"type": "header", "text": {"type": "plain_text", "text": text, "emoji": False}}
    for text in pieces(content.body, MAX_SECTION):
        yield {"type": "section", "text": {"type": "mrkdwn", "text": text}}
    facts = f"*Priority:* {content.priority} | *Type:* {content.type}"
    yield {"type": "context", "elements": [{"type": "mrkdwn", "text": facts}]}


def pieces(text: str, limit: int) -> Iterator[str]:
    """Yield the text in pieces, each within the limit.

    A piece ends after a line or a word where one ends in its last third. The limit counts UTF-16 units,
    which are never fewer than a receiver counts.
    """
    start = 0
    while start < len(text):
        end = _end(text, start, limit)
        yield text[start:end]
        start = end


def _end(text: str, start: int, limit: int) -> int:
    end = start + limit
    while (excess := len(text[start:end].encode("utf-16-le")) // 2 - limit) > 0:
        end = min(end, len(text)) - (excess + 1) // 2
    if end >= len(text):
        return len(text)
    for mark in ("\n", " "):
        index = text.rfind(mark, start + limit * 2 // 3, end)
        if index >= 0:
            return index + 1
    return end
