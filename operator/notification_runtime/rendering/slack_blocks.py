"""Slack messages of blocks, within Slack's limits; nothing that an author writes becomes a mention unless it may."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from notification_domain.rendering.headline import LOOKS, chat_headline, resolved_after
from notification_domain.rendering.markup.markups import MRKDWN
from notification_domain.rendering.markup.mrkdwn import MrkdwnRenderer
from notification_domain.rendering.mentions import neutralize
from notification_domain.rendering.pieces import limited, messages_of, shortened, units
from notification_runtime.rendering.compose import links, metadata, origin

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from notification_runtime.delivery.channel import Message
    from notification_runtime.rendering.compose import Composed, Composer

MAX_HEADER, MAX_SECTION, MAX_FIELDS, MAX_FIELD, MAX_BUTTONS, MAX_LABEL, MAX_URL = (
    150,
    3000,
    10,
    300,
    5,
    75,
    3000,
)
MAX_TEXT: Final = 10_000
"""Characters of a message without its header. Slack has refused messages with 11,341 in all blocks together."""
MAX_MESSAGES: Final = 2
ENTITY: Final = len("&amp;")
"""The length of the longest escape sequence."""

Block = dict[str, Any]


class SlackBlocks:
    """Builds the payloads of messages.

    Args:
        composer: the templates of the receiver.
        mentions: whether `@channel` and the like reach people.
    """

    def __init__(self, composer: Composer, *, mentions: bool) -> None:
        self._composer = composer
        self._mentions = mentions
        self.renderer = MrkdwnRenderer(mentions=mentions)

    def count(self, message: Message) -> int:
        """Return how many Slack messages a notification is, as far as no template decides."""
        body, room = message.content.body, _room(self._ending(message, metadata(message, MAX_FIELDS)))
        return messages_of(body, size=room, most=MAX_MESSAGES, escape=self.renderer.text)

    async def shown(self, message: Message) -> tuple[list[dict[str, Any]], str]:
        """Return one or two payloads, and why the built-in template was used."""
        composed = await self._composer.compose(message, MRKDWN[self._mentions])
        return self._payloads(message, composed), composed.note

    def resolution(self, message: Message, payload: dict[str, Any]) -> dict[str, Any]:
        """Return what the update of the first message of an incident adds to it, from the first payload of its Resolve.

        Without `text` and `blocks`, Slack keeps those of the message. It replaces attachments, so a repeat adds nothing.
        """
        source = origin(message, self._composer.facts.cluster)
        facts = self.renderer.text(f"{resolved_after(message.lasted)} | {source}")
        attachment = {
            "color": f"#{LOOKS[message.event].color:06X}",
            "fallback": payload["text"],
            "blocks": [payload["blocks"][0], {"type": "context", "elements": [self._mrkdwn(facts)]}],
        }
        return {"attachments": [attachment], "parse": "none", "link_names": False}

    def _payloads(self, message: Message, composed: Composed[str]) -> list[dict[str, Any]]:
        """Return one or two payloads; what is longer is cut."""
        cut = f"\n… truncated, see kubectl get notif -n {message.namespace} {message.name}"
        headline, context = chat_headline(message.event, composed.subject), self._context(message)
        endings = [self._ending(message, composed.metadata), [context]]
        parts = limited(composed.body, sizes=list(map(_room, endings)), cut=cut)
        starts = [[{"type": "header", "text": self._plain(headline, MAX_HEADER)}], []]
        return [
            {
                "text": self.renderer.text(headline),
                "blocks": [*start, *self._sections(part), *ending],
                "parse": "none",
                "link_names": False,
                "unfurl_links": False,
                "unfurl_media": False,
            }
            for start, part, ending in zip(starts, parts, endings, strict=False)
        ]

    def _sections(self, text: str) -> list[Block]:
        sizes = (MAX_SECTION,) * (MAX_TEXT // MAX_SECTION + 2)
        pieces = limited(text, sizes=sizes, cut="")
        # Slack refuses an empty text.
        return [{"type": "section", "text": self._mrkdwn(piece)} for piece in pieces if piece.strip()]

    def _ending(self, message: Message, pairs: Sequence[tuple[str, str]]) -> list[Block]:
        """Return what follows the body in the first message, with this metadata."""
        return [*self._fields(pairs), *self._buttons(message), self._context(message)]

    def _context(self, message: Message) -> Block:
        content, source = message.content, origin(message, self._composer.facts.cluster)
        facts = self.renderer.text(f"Priority: {content.priority} | Type: {content.type} | {source}")
        return {"type": "context", "elements": [self._mrkdwn(facts)]}

    def _mrkdwn(self, text: str) -> Block:
        return {"type": "mrkdwn", "text": text, "verbatim": not self._mentions}

    def _plain(self, text: str, limit: int) -> Block:
        shown = text if self._mentions else neutralize(text)
        return {"type": "plain_text", "text": shortened(shown, limit), "emoji": False}

    def _fields(self, pairs: Sequence[tuple[str, str]]) -> list[Block]:
        shown = [
            self._mrkdwn(f"*{self._escaped(name)}*\n{self._escaped(value)}")
            for name, value in pairs[:MAX_FIELDS]
        ]
        return [{"type": "section", "fields": shown}] if shown else []

    def _escaped(self, text: str) -> str:
        """Return a text of a field, shortened so that it is within its limit once it is escaped."""
        size = MAX_FIELD
        while (excess := units(shown := self.renderer.text(shortened(text, size))) - MAX_FIELD) > 0:
            size -= (excess + ENTITY - 1) // ENTITY
        return shown

    def _buttons(self, message: Message) -> list[Block]:
        buttons = [
            {
                "type": "button",
                "text": self._plain(link["label"], MAX_LABEL),
                "url": link["url"],
                "action_id": f"link-{number}",
            }
            for number, link in enumerate(links(message)[:MAX_BUTTONS], start=1)
            if len(link["url"]) <= MAX_URL
        ]
        return [{"type": "actions", "elements": buttons}] if buttons else []


def _room(ending: list[Block]) -> int:
    """Return the characters of a body that fit into a message with this end."""
    return MAX_TEXT - sum(units(text) for block in ending for text in _texts(block))


def _texts(value: Block) -> Iterator[str]:
    """Yield the texts of a block that Slack counts."""
    shown = value.get("text")
    if isinstance(shown, str):
        yield shown
    elif shown is not None:
        yield from _texts(shown)
    for part in (*value.get("fields", ()), *value.get("elements", ())):
        yield from _texts(part)
