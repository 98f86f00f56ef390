"""Mattermost: Markdown through an incoming webhook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from notification_domain.rendering.headline import chat_headline
from notification_domain.rendering.markup.chat_markdown import mattermost
from notification_domain.rendering.markup.markups import MATTERMOST
from notification_domain.rendering.pieces import limited, messages_of
from notification_runtime.delivery.channel import (
    Channel,
    Receipt,
    ReceiverError,
    ReceiverProblem,
    sending_part,
)
from notification_runtime.delivery.http.exchange import JSON, HttpExchange, StatusTable
from notification_runtime.rendering.compose import links, origin

if TYPE_CHECKING:
    from notification_contract.kinds.channel_types.mattermost import Mattermost
    from notification_domain.receivers.references import SecretValues
    from notification_runtime.delivery.channel import Message
    from notification_runtime.delivery.http.exchange import NetworkAccess, Reply
    from notification_runtime.rendering.compose import Composed, Composer

MAX_TEXT: Final = 10_000
"""Characters of a body in one post; Mattermost accepts 16,383 of a post, with title, facts and links."""
MAX_MESSAGES: Final = 2
MAX_FACTS, MAX_LINKS, MAX_NAME, MAX_VALUE, MAX_LINK = 5, 3, 100, 200, 400
BAD_REQUEST: Final = 400
UNKNOWN_WEBHOOK: Final = "web.incoming_webhook.invalid"
TABLE: Final = StatusTable(success=frozenset({200, 204}))


class MattermostChannel(Channel):
    def __init__(
        self, block: Mattermost, secrets: SecretValues, *, access: NetworkAccess, composer: Composer
    ) -> None:
        self.destination = url = access.checked(secrets.value("urlSecretRef"))
        self._block = block
        self._composer = composer
        self._renderer = mattermost(mentions=block.mentions)
        self._markup = MATTERMOST[block.mentions]
        self._http = HttpExchange(access, url, table=TABLE, secrets=(url,))

    def messages_of(self, message: Message) -> int:
        """Return the number of posts, as far as no template decides."""
        body = message.content.body
        return messages_of(body, size=MAX_TEXT, most=MAX_MESSAGES, escape=self._renderer.text)

    async def deliver(self, message: Message) -> Receipt:
        """Post the message; a long one as two, and what is longer is cut."""
        composed = await self._composer.compose(message, self._markup)
        for number, payload in enumerate(self.payloads(message, composed), start=1):
            with sending_part(number):
                reply = await self._http.request(orjson.dumps(payload), headers={"Content-Type": JSON})
                self._raise_for(reply)
        return Receipt(note=composed.note)

    def payloads(self, message: Message, composed: Composed[str]) -> list[dict[str, Any]]:
        named = {"channel": self._block.channel, "username": self._block.username}
        common = {key: value for key, value in named.items() if value}
        cut = f"\n… truncated, see kubectl get notif -n {message.namespace} {message.name}"
        parts = limited(composed.body, sizes=(MAX_TEXT,) * MAX_MESSAGES, cut=cut)
        source = self._renderer.text(origin(message, self._composer.facts.cluster))
        footer = f"{self._facts(message, composed)}\n\n`{message.content.priority}` {source}"
        title = self._renderer.heading(self._renderer.text(chat_headline(message.event, composed.subject)), 3)
        return [
            {**common, "text": f"{title}\n\n{part}{footer if number == len(parts) else ''}"}
            for number, part in enumerate(parts, start=1)
        ]

    def _facts(self, message: Message, composed: Composed[str]) -> str:
        text = self._renderer.text
        pairs = [
            (text(name[:MAX_NAME].replace("\n", " ")), text(value[:MAX_VALUE].replace("\n", " ")))
            for name, value in composed.metadata[:MAX_FACTS]
        ]
        shown = [self._renderer.link(text(link["label"][:MAX_NAME]), link["url"]) for link in links(message)]
        lines = [f"**{name}:** {value}" for name, value in pairs]
        lines += [link for link in shown if len(link) <= MAX_LINK][:MAX_LINKS]
        return "".join(f"\n\n{line}" for line in lines)

    def _raise_for(self, reply: Reply) -> None:
        # Mattermost answers 400, not 404, for a webhook that was deleted.
        if reply.status == BAD_REQUEST and str(reply.json.get("id", "")).startswith(UNKNOWN_WEBHOOK):
            raise ReceiverError(ReceiverProblem.NOT_FOUND, reply.text)
        self._http.raise_for(reply)


create = MattermostChannel
