"""Discord: embeds through a webhook."""

from __future__ import annotations

from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Final

import orjson
from yarl import URL

from notification_domain.json_values import format_time
from notification_domain.rendering.headline import (
    LOOKS,
    NOT_UPDATED,
    RESOLVED_AFTER,
    chat_headline,
    resolved_after,
)
from notification_domain.rendering.markup.chat_markdown import discord
from notification_domain.rendering.markup.markups import DISCORD
from notification_domain.rendering.pieces import limited, messages_of, shortened
from notification_runtime.delivery.channel import Channel, Permanent, Receipt, sending_part
from notification_runtime.delivery.http.exchange import JSON, HttpExchange, StatusTable
from notification_runtime.rendering.compose import links, origin

if TYPE_CHECKING:
    from notification_contract.kinds.channel_types.discord import Discord
    from notification_domain.receivers.references import SecretValues
    from notification_runtime.delivery.channel import Message
    from notification_runtime.delivery.http.exchange import NetworkAccess, Reply
    from notification_runtime.rendering.compose import Composed, Composer

MAX_TITLE, MAX_FIELD_NAME, MAX_FIELD_VALUE, MAX_FIELDS = 256, 100, 200, 5
MAX_DESCRIPTION: Final = 3500
"""Discord accepts 4096 characters of a description, and 6000 of an embed."""
MAX_MESSAGES: Final = 2
COLORS: Final = {"critical": 0xD32F2F, "high": 0xF57C00, "medium": 0x1976D2, "low": 0x757575}
MAX_STORED: Final = 128 * 1024
"""Bytes of a message as Discord returns it; a character may take six of them."""
STATUS: Final = "Status"
"""The name of the field of an embed that says when its incident was resolved."""
KEPT: Final = ("url", "description", "timestamp", "footer")
"""The parts of an embed that an update sends back as they are."""
NOT_EDITABLE: Final = {10008: "Unknown Message", 50005: "Cannot edit a message authored by another user"}
"""Codes in answers that concern the message, not the webhook."""
TABLE: Final = StatusTable(success=frozenset({200, 204}))


class DiscordChannel(Channel):
    keeps_threads = True

    def __init__(
        self, block: Discord, secrets: SecretValues, *, access: NetworkAccess, composer: Composer
    ) -> None:
        self.destination = url = access.checked(secrets.value("urlSecretRef"))
        self._url = URL(url)
        self._access = access
        waiting = str(URL(url).update_query(wait="true"))
        self._mentions = block.mentions
        self._composer = composer
        self._renderer = discord(mentions=block.mentions)
        self._http = HttpExchange(access, waiting, table=TABLE, secrets=(url, waiting), most=MAX_STORED)

    def messages_of(self, message: Message) -> int:
        """Return the number of posts, as far as no template decides."""
        body = message.content.body
        return messages_of(body, size=MAX_DESCRIPTION, most=MAX_MESSAGES, escape=self._renderer.text)

    async def deliver(self, message: Message) -> Receipt:
        """Post the message; a long one as two, and what is longer is cut.

        A Resolve updates the first message of its incident before that: a repeat changes nothing more there.
        """
        composed = await self._composer.compose(message, DISCORD[self._mentions])
        problem = await self._update(message) if message.ends_thread else ""
        references: list[str] = []
        for number, payload in enumerate(self.payloads(message, composed), start=1):
            with sending_part(number):
                reply = await self._http.post(orjson.dumps(payload), headers={"Content-Type": JSON})
            references.append(str(reply.json.get("id", "")))
        note = "; ".join(filter(None, (composed.note, problem)))
        return Receipt(message_ref=references[0], note=note)

    async def _update(self, message: Message) -> str:
        """Let the first message of the incident say that it is resolved; return why it cannot."""
        if not message.thread_ref.isdecimal():
            return f"{NOT_UPDATED}: it has no id of Discord"
        kept = {name: value for name, value in self._url.query.items() if name == "thread_id"}
        url = str((self._url / "messages" / message.thread_ref).with_query(kept))
        http = HttpExchange(self._access, url, table=TABLE, secrets=(str(self._url), url), most=MAX_STORED)
        try:
            stored = (await self._call(http, "GET")).json.get("embeds")
            if not stored:
                return f"{NOT_UPDATED}: it has no embed"
            embeds = [self._resolved(stored[0], message), *stored[1:]]
            await self._call(http, "PATCH", orjson.dumps({"embeds": embeds, **self._allowed}))
        except Permanent as error:
            return f"{NOT_UPDATED}: {error}"
        return ""

    @staticmethod
    async def _call(http: HttpExchange, method: str, content: bytes = b"") -> Reply:
        reply = await http.request(content, headers={"Content-Type": JSON}, method=method)
        code = reply.json.get("code")
        if code in NOT_EDITABLE:
            raise Permanent(f"HTTP {reply.status}: {NOT_EDITABLE[code]}")
        http.raise_for(reply)
        return reply

    def _resolved(self, embed: dict[str, Any], message: Message) -> dict[str, Any]:
        """Return an embed as it is once its incident is resolved; one that says so already stays as it is."""
        mark, title = self._renderer.text(chat_headline(message.event, "")), str(embed.get("title", ""))
        status = {"name": STATUS, "value": resolved_after(message.lasted), "inline": False}
        fields = [each for each in embed.get("fields", ()) if not _says_resolved(each)]
        return {
            "title": title if title.startswith(mark) else shortened(f"{mark}{title}", MAX_TITLE),
            "color": _color(message),
            "fields": [*fields, status],
            **{name: embed[name] for name in KEPT if name in embed},
        }

    def payloads(self, message: Message, composed: Composed[str]) -> list[dict[str, Any]]:
        cut = f"\n… truncated, see kubectl get notif -n {message.namespace} {message.name}"
        parts = limited(composed.body, sizes=(MAX_DESCRIPTION,) * MAX_MESSAGES, cut=cut)
        title = self._renderer.text(chat_headline(message.event, composed.subject))
        source = origin(message, self._composer.facts.cluster)
        embeds = [
            {
                "title": shortened(title, MAX_TITLE),
                "description": part,
                "color": _color(message),
                "timestamp": format_time(message.created),
                "footer": {"text": f"{message.content.priority} · {source} · {message.uid[:8]}"},
                "fields": self._fields(message, composed) if number == 1 else [],
            }
            for number, part in enumerate(parts, start=1)
        ]
        return [{"embeds": [embed], **self._allowed} for embed in embeds]

    @property
    def _allowed(self) -> dict[str, Any]:
        return {} if self._mentions else {"allowed_mentions": {"parse": []}}

    def _fields(self, message: Message, composed: Composed[str]) -> list[dict[str, Any]]:
        text = self._renderer.text
        # Escaping makes no value shorter.
        pairs = ((name, text(value)) for name, value in composed.metadata if len(value) <= MAX_FIELD_VALUE)
        addresses = (
            ("Link", self._renderer.link(text(each["label"]), each["url"])) for each in links(message)
        )
        fields = (
            {"name": shortened(name, MAX_FIELD_NAME), "value": value, "inline": False}
            for name, value in chain(pairs, addresses)
            if name.strip() and value.strip() and len(value) <= MAX_FIELD_VALUE
        )
        return list(islice(fields, MAX_FIELDS))


create = DiscordChannel


def _says_resolved(field: dict[str, Any]) -> bool:
    return field.get("name") == STATUS and str(field.get("value")).startswith(RESOLVED_AFTER)


def _color(message: Message) -> int:
    look = LOOKS.get(message.event)
    return look.color if look else COLORS.get(message.content.priority, COLORS["medium"])
