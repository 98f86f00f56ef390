"""Discord: embeds through a webhook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson
from yarl import URL

from notification_operator.delivery.channel import Channel, Receipt
from notification_operator.delivery.http.exchange import JSON, HttpExchange, StatusTable
from notification_operator.domain.json_values import format_time
from notification_operator.rendering.compose import links, origin
from notification_operator.rendering.headline import LOOKS, chat_headline
from notification_operator.rendering.markup.chat_markdown import discord
from notification_operator.rendering.markup.markups import DISCORD
from notification_operator.rendering.pieces import limited, messages_of, shortened

if TYPE_CHECKING:
    from notification_contract.kinds.channel_types.discord import Discord
    from notification_operator.delivery.channel import Message
    from notification_operator.delivery.http.exchange import NetworkAccess
    from notification_operator.domain.receivers.references import SecretValues
    from notification_operator.rendering.compose import Composed, Composer

MAX_TITLE, MAX_FIELD_NAME, MAX_FIELD_VALUE, MAX_FIELDS = 256, 100, 200, 5
MAX_DESCRIPTION: Final = 3500
"""Discord accepts 4096 characters of a description, and 6000 of an embed."""
MAX_MESSAGES: Final = 2
COLORS: Final = {"critical": 0xD32F2F, "high": 0xF57C00, "medium": 0x1976D2, "low": 0x757575}
TABLE: Final = StatusTable(success=frozenset({200, 204}))


class DiscordChannel(Channel):
    def __init__(
        self, block: Discord, secrets: SecretValues, *, access: NetworkAccess, composer: Composer
    ) -> None:
        self.destination = url = access.checked(secrets.value("urlSecretRef"))
        waiting = str(URL(url).update_query(wait="true"))
        self._mentions = block.mentions
        self._composer = composer
        self._renderer = discord(mentions=block.mentions)
        self._http = HttpExchange(access, waiting, table=TABLE, secrets=(url, waiting))

    def messages_of(self, message: Message) -> int:
        """Return the number of posts, as far as no template decides."""
        body = message.content.body
        return messages_of(body, size=MAX_DESCRIPTION, most=MAX_MESSAGES, escape=self._renderer.text)

    async def deliver(self, message: Message) -> Receipt:
        """Post the message; a long one as two, and what is longer is cut."""
        composed = await self._composer.compose(message, DISCORD[self._mentions])
        references: list[str] = []
        for payload in self.payloads(message, composed):
            reply = await self._http.post(orjson.dumps(payload), headers={"Content-Type": JSON})
            references.append(str(reply.json.get("id", "")))
        return Receipt(message_ref=references[0], note=composed.note)

    def payloads(self, message: Message, composed: Composed[str]) -> list[dict[str, Any]]:
        cut = f"\n… truncated, see kubectl get notif -n {message.namespace} {message.name}"
        parts = limited(composed.body, size=MAX_DESCRIPTION, parts=MAX_MESSAGES, cut=cut)
        allowed: dict[str, Any] = {} if self._mentions else {"allowed_mentions": {"parse": []}}
        title = self._renderer.text(chat_headline(message.event, composed.subject))
        source = origin(message, self._composer.facts.cluster)
        embeds = [
            {
                "title": shortened(title, MAX_TITLE),
                "description": part,
                "color": _color(message),
                "timestamp": format_time(message.created),
                "footer": {"text": f"{message.content.priority} · {source} · {message.uid[:8]}"},
                "fields": self._fields(message) if number == 1 else [],
            }
            for number, part in enumerate(parts, start=1)
        ]
        return [{"embeds": [embed], **allowed} for embed in embeds]

    def _fields(self, message: Message) -> list[dict[str, Any]]:
        content, text = message.content, self._renderer.text
        shown = [(name, text(self._composer.redact(value))) for name, value in content.metadata.items()]
        shown += [("Link", self._renderer.link(text(link["label"]), link["url"])) for link in links(message)]
        return [
            {"name": shortened(name, MAX_FIELD_NAME), "value": value, "inline": False}
            for name, value in shown
            if value and len(value) <= MAX_FIELD_VALUE
        ][:MAX_FIELDS]


create = DiscordChannel


def _color(message: Message) -> int:
    look = LOOKS.get(message.event)
    return look.color if look else COLORS.get(message.content.priority, COLORS["medium"])
