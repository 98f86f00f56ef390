"""Slack: one message of blocks a notification, through an incoming webhook.

Nothing is cut and nothing is escaped: what does not fit one block goes on in the next one of its kind.
The headers together are the emoji and the subject, the sections together are the body.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import orjson

from notification_operator.delivery.http_client import HttpReceiver

if TYPE_CHECKING:
    from collections.abc import Iterator

    from notification_operator.delivery.channel import Message
    from notification_operator.domain.model import Content

LONGEST_HEADER: Final = 150
LONGEST_SECTION: Final = 3000
MOST_BLOCKS: Final = 50
"""Slack's limits; a longer notification makes a further message, which repeats nothing."""

EMOJI: Final = {
    "critical": "\N{POLICE CARS REVOLVING LIGHT}",
    "high": "\N{WARNING SIGN}\N{VARIATION SELECTOR-16}",
    "medium": "\N{INFORMATION SOURCE}\N{VARIATION SELECTOR-16}",
    "low": "\N{SPEECH BALLOON}",
}
OTHER_EMOJI: Final = "\N{PUBLIC ADDRESS LOUDSPEAKER}"


class SlackChannel:
    """Posts to one webhook, the only destination."""

    def __init__(self, url: str, *, connections: int) -> None:
        self.destination = url
        self.concurrency = connections
        self._receiver = HttpReceiver(url, connections=connections)

    async def deliver(self, message: Message) -> None:
        """Post the message; the parts of a very long one in their order.

        Raises:
            Transient: Slack or the way to it failed; a repeat posts every part again.
            Permanent: Slack refused the message, or its certificate is not to be trusted.
        """
        for number, payload in enumerate(payloads(message.content), start=1):
            key = message.id if number == 1 else f"{message.id}:{number}"
            headers = {"Content-Type": "application/json", "Idempotency-Key": key}
            await self._receiver.post(orjson.dumps(payload), headers=headers)

    async def close(self) -> None:
        """Close the connections."""
        await self._receiver.close()


def payloads(content: Content) -> Iterator[dict[str, Any]]:
    """Yield what is posted, part after part; all but the longest notifications are one."""
    title = f"{EMOJI.get(content.priority, OTHER_EMOJI)} {content.subject}"
    blocks = _blocks(title, content)
    while part := list(islice(blocks, MOST_BLOCKS)):
        yield {"text": title, "blocks": part}


def _blocks(title: str, content: Content) -> Iterator[dict[str, Any]]:
    for text in pieces(title, LONGEST_HEADER):
        # Without `emoji` Slack leaves what looks like :one: as it is written.
        yield {"type": "header", "text": {"type": "plain_text", "text": text, "emoji": False}}
    for text in pieces(content.body, LONGEST_SECTION):
        yield {"type": "section", "text": {"type": "mrkdwn", "text": text}}
    facts = f"*Priority:* {content.priority} | *Type:* {content.type}"
    yield {"type": "context", "elements": [{"type": "mrkdwn", "text": facts}]}


def pieces(text: str, longest: int) -> Iterator[str]:
    """Yield the text in pieces that together are the text, each within the limit.

    A piece ends after a line or a word where there is one in its last third. The limit is counted in
    UTF-16 units, which is never less than a receiver counts.
    """
    start = 0
    while start < len(text):
        end = _end(text, start, longest)
        yield text[start:end]
        start = end


def _end(text: str, start: int, longest: int) -> int:
    end = start + longest
    while (excess := len(text[start:end].encode("utf-16-le")) // 2 - longest) > 0:
        end = min(end, len(text)) - (excess + 1) // 2
    if end >= len(text):
        return len(text)
    for mark in ("\n", " "):
        found = text.rfind(mark, start + longest * 2 // 3, end)
        if found >= 0:
            return found + 1
    return end
