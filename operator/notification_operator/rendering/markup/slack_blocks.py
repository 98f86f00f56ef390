"""Slack messages of blocks, within Slack's limits; nothing that an author writes becomes a mention unless it may."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from notification_operator.rendering.compose import links, origin
from notification_operator.rendering.headline import LOOKS, chat_headline, resolved_after
from notification_operator.rendering.markup.markups import MRKDWN
from notification_operator.rendering.markup.mrkdwn import MrkdwnRenderer
from notification_operator.rendering.mentions import neutralize
from notification_operator.rendering.pieces import limited, messages_of, shortened

if TYPE_CHECKING:
    from notification_operator.delivery.channel import Message
    from notification_operator.rendering.compose import Composed, Composer

MAX_HEADER, MAX_SECTION, MAX_FIELDS, MAX_FIELD, MAX_BUTTONS, MAX_LABEL, MAX_URL = (
    150,
    3000,
    10,
    300,
    5,
    75,
    3000,
)
MAX_TEXT: Final = 11_000
"""Characters of the sections of one message: Slack accepts 12,000, together with what surrounds them."""
MAX_MESSAGES: Final = 2

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
        body = message.content.body
        return messages_of(body, size=MAX_TEXT, most=MAX_MESSAGES, escape=self.renderer.text)

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
        parts = limited(composed.body, size=MAX_TEXT, parts=MAX_MESSAGES, cut=cut)
        return [
            {
                "text": self.renderer.text(chat_headline(message.event, composed.subject)),
                "blocks": self._message_blocks(message, composed, part, first=number == 1),
                "parse": "none",
                "link_names": False,
                "unfurl_links": False,
                "unfurl_media": False,
            }
            for number, part in enumerate(parts, start=1)
        ]

    def _message_blocks(
        self, message: Message, composed: Composed[str], text: str, *, first: bool
    ) -> list[Block]:
        content = message.content
        sections = [
            {"type": "section", "text": self._mrkdwn(piece)}
            for piece in limited(text, size=MAX_SECTION, parts=MAX_TEXT // MAX_SECTION + 2, cut="")
            if piece.strip()  # Slack refuses an empty text
        ]
        source = origin(message, self._composer.facts.cluster)
        facts = self.renderer.text(f"Priority: {content.priority} | Type: {content.type} | {source}")
        context = {"type": "context", "elements": [self._mrkdwn(facts)]}
        if not first:
            return [*sections, context]
        title = self._plain(chat_headline(message.event, composed.subject), MAX_HEADER)
        return [
            {"type": "header", "text": title},
            *sections,
            *self._fields(message),
            *self._buttons(message),
            context,
        ]

    def _mrkdwn(self, text: str) -> Block:
        return {"type": "mrkdwn", "text": text, "verbatim": not self._mentions}

    def _plain(self, text: str, limit: int) -> Block:
        shown = text if self._mentions else neutralize(text)
        return {"type": "plain_text", "text": shortened(shown, limit), "emoji": False}

    def _fields(self, message: Message) -> list[Block]:
        shown = [
            self._mrkdwn(
                f"*{self.renderer.text(shortened(name, MAX_FIELD))}*\n"
                + self.renderer.text(shortened(self._composer.redact(value), MAX_FIELD))
            )
            for name, value in list(message.content.metadata.items())[:MAX_FIELDS]
        ]
        return [{"type": "section", "fields": shown}] if shown else []

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
