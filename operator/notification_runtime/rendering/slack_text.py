"""Slack: one message of blocks per notification, or two, with its text as it is written.

A text that exceeds one block continues in the next one of its kind: the headers together are the emoji and the
subject, the sections together are the body. What exceeds two messages is cut, and the last line says where to
read the whole. Nothing that an author writes becomes a mention, a link with a text of its own, or another
notification's name (DD-SLACK-001).
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from notification_contract.kinds.choices import LifecycleEvent
from notification_domain.rendering.headline import LOOKS, headline
from notification_domain.rendering.pieces import end_of_part

if TYPE_CHECKING:
    from collections.abc import Iterator

    from notification_domain.model import Content
    from notification_runtime.delivery.channel import Message

MAX_HEADER: Final = 150
MAX_SECTION: Final = 3000
MAX_BLOCKS: Final = 50
"""Slack's limits; a longer notification continues in a further message."""
MAX_MESSAGES: Final = 2
ENTITY: Final = len("&amp;")
"""The length of the longest escape sequence."""

EMOJI: Final = {
    "critical": "\N{POLICE CARS REVOLVING LIGHT}",
    "high": "\N{WARNING SIGN}\N{VARIATION SELECTOR-16}",
    "medium": "\N{INFORMATION SOURCE}\N{VARIATION SELECTOR-16}",
    "low": "\N{SPEECH BALLOON}",
}
OTHER_EMOJI: Final = "\N{PUBLIC ADDRESS LOUDSPEAKER}"


class SlackText:
    """Builds the payloads of messages whose text stays as it is written.

    Args:
        trusted: whether the markup of authors works, mentions and links with a text of their own included.
        cluster: the name of the cluster; empty for none.
    """

    def __init__(self, *, trusted: bool, cluster: str = "") -> None:
        self._trusted = trusted
        self._cluster = cluster

    def count(self, message: Message) -> int:
        """Return how many Slack messages a notification is."""
        return len(self._payloads(message))

    async def shown(self, message: Message) -> tuple[list[dict[str, Any]], str]:
        """Return the payloads, and no note."""
        return self._payloads(message), ""

    def _payloads(self, message: Message) -> list[dict[str, Any]]:
        source = Source(namespace=message.namespace, name=message.name, cluster=self._cluster)
        return payloads(message.content, source, event=message.event, trusted=self._trusted)


class Source(NamedTuple):
    """The notification that a message is from."""

    namespace: str
    name: str
    cluster: str = ""


def payloads(
    content: Content,
    source: Source,
    *,
    event: LifecycleEvent = LifecycleEvent.TRIGGER,
    trusted: bool = False,
) -> list[dict[str, Any]]:
    """Return the payloads of a notification, in order; only the longest have more than one."""
    emoji = LOOKS[event].emoji if event in LOOKS else EMOJI.get(content.priority, OTHER_EMOJI)
    title = f"{emoji} {headline(event, content.subject)}"
    size = MAX_BLOCKS - 1
    most = MAX_MESSAGES * size
    blocks = list(islice(_blocks(title, content, trusted=trusted), most + 1))
    if len(blocks) > most:
        blocks[most - 1 :] = [_section(_truncated(source), verbatim=True)]
    parts = (blocks[start : start + size] for start in range(0, len(blocks), size))
    text = title if trusted else escape(title)
    return [{"text": text, "blocks": [*part, _context(content, source)]} for part in parts]


def escape(text: str) -> str:
    """Return a text in which Slack finds no mention and no link; it shows the text as it was."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _blocks(title: str, content: Content, *, trusted: bool) -> Iterator[dict[str, Any]]:
    for text in pieces(title, MAX_HEADER):
        # Plain text has no mentions. With `emoji` false Slack keeps texts such as :one: as written.
        yield {"type": "header", "text": {"type": "plain_text", "text": text, "emoji": False}}
    body = content.body if trusted else escape(content.body)
    for text in pieces(body, MAX_SECTION, entities=not trusted):
        yield _section(text, verbatim=not trusted)


def _section(text: str, *, verbatim: bool) -> dict[str, Any]:
    # Unless it is verbatim, Slack looks for mentions in plain words as well.
    flag = {"verbatim": True} if verbatim else {}
    return {"type": "section", "text": {"type": "mrkdwn", "text": text, **flag}}


def _context(content: Content, source: Source) -> dict[str, Any]:
    """Return the line that no author can write: small print, with names that the API server has checked."""
    facts = f"*Priority:* {content.priority} | *Type:* {content.type}"
    origin = f"from {source.namespace}/{source.name}"
    if source.cluster:
        origin += f", cluster {source.cluster}"
    elements = [
        {"type": "mrkdwn", "text": facts},
        {"type": "plain_text", "text": origin, "emoji": False},
    ]
    return {"type": "context", "elements": elements}


def _truncated(source: Source) -> str:
    command = f"kubectl get notificationrequest -n {source.namespace} {source.name} -o yaml"
    return f"… truncated; read the whole with `{command}`"


def pieces(text: str, limit: int, *, entities: bool = False) -> Iterator[str]:
    """Yield the text in pieces, each within the limit.

    A piece ends after a line or a word where one ends in its last third, and with `entities` not within an
    escape sequence. The limit counts UTF-16 units, which are never fewer than a receiver counts.
    """
    start = 0
    while start < len(text):
        end = start + end_of_part(text[start : start + limit + 1], limit)
        if entities and end < len(text):
            end = _outside_entity(text, end)
        yield text[start:end]
        start = end


def _outside_entity(text: str, end: int) -> int:
    """Return the end of a piece, moved before the escape sequence that it would cut."""
    begin = text.rfind("&", max(0, end - ENTITY + 1), end)
    return end if begin < 0 or ";" in text[begin:end] else begin
