"""Microsoft Teams: Adaptive Cards through a workflow that starts with a webhook."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import orjson
from yarl import URL

from notification_contract.kinds.choices import BodyFormat, LifecycleEvent
from notification_domain.rendering.headline import chat_headline
from notification_domain.rendering.markup.adaptive_card import CardRenderer
from notification_domain.rendering.markup.markups import CARD
from notification_runtime.delivery.channel import Channel, InvalidOptionsError, Receipt, sending_part
from notification_runtime.delivery.http.exchange import JSON, HttpExchange, StatusTable
from notification_runtime.rendering.compose import links, metadata, origin

if TYPE_CHECKING:
    from collections.abc import Iterator

    from notification_contract.kinds.channel_types.teams import Teams
    from notification_domain.receivers.references import SecretValues
    from notification_runtime.delivery.channel import Message
    from notification_runtime.delivery.http.exchange import NetworkAccess
    from notification_runtime.rendering.compose import Composed, Composer

MAX_CARD: Final = 20_000
"""Bytes of a card; Teams accepts 28 KB, counted in an encoding of its own."""
MAX_MESSAGES: Final = 2
MARGIN: Final = 1000
"""Bytes of a card besides facts, body and footer."""
MIN_ELEMENT: Final = 44
"""Bytes of the shortest element."""
MAX_ACTIONS: Final = 6
MAX_FACTS: Final = 10
MAX_FACT: Final = 200
COLORS: Final = {LifecycleEvent.ACKNOWLEDGE: "warning", LifecycleEvent.RESOLVE: "good"}
"""The color of a title; the title of a Trigger has none."""
RETIRED: Final = ".webhook.office.com"
TABLE: Final = StatusTable(success=frozenset({200, 202}))

Element = dict[str, Any]


class TeamsChannel(Channel):
    """Posts to one workflow.

    Raises:
        InvalidOptionsError: the URL is that of a retired connector.
    """

    def __init__(
        self, block: Teams, secrets: SecretValues, *, access: NetworkAccess, composer: Composer
    ) -> None:
        del block
        url = access.checked(secrets.value("urlSecretRef"))
        host = URL(url).host or ""
        if host.endswith(RETIRED):
            raise InvalidOptionsError(
                f"the URL leads to *{RETIRED}, which Microsoft has retired and which answers 200 to lost messages; "
                "create a workflow in Teams and use its URL"
            )
        self.destination = url
        self._composer = composer
        self._renderer = CardRenderer()
        self._http = HttpExchange(access, url, table=TABLE, secrets=(url,))

    def messages_of(self, message: Message) -> int:
        """Return the number of cards, as far as no template decides."""
        body, room = message.content.body, self._room(message)
        # What certainly needs a second card is not rendered here.
        if max(len(body), body.count("\n\n") * MIN_ELEMENT) > room:
            return MAX_MESSAGES
        elements = self._renderer.elements(body, BodyFormat.PLAIN)
        return 1 if sum(map(_size, elements)) <= room else MAX_MESSAGES

    async def deliver(self, message: Message) -> Receipt:
        """Post the message; a long one in two cards, and what is longer is cut. A repeat posts every card again."""
        composed = await self._composer.compose(message, CARD)
        for number, card in enumerate(self.cards(message, composed), start=1):
            content = orjson.dumps(_envelope(card))
            headers = {"Content-Type": JSON, "Idempotency-Key": message.delivery_id}
            with sending_part(number):
                await self._http.post(content, headers=headers)
        return Receipt(note=composed.note)

    def cards(self, message: Message, composed: Composed[list[Element]]) -> list[Element]:
        footer = self._footer(message)
        parts = list(islice(_parts(composed.body, size=self._room(message)), MAX_MESSAGES + 1))
        if len(parts) > MAX_MESSAGES:
            parts[MAX_MESSAGES - 1 :] = [[*parts[MAX_MESSAGES - 1], self._cut(message)]]
        headline = chat_headline(message.event, composed.subject)
        cards = []
        for number, part in enumerate(parts, start=1):
            text = headline if len(parts) == 1 else f"{headline} ({number}/{len(parts)})"
            title = self._title(message, text)
            head = self._head(message) if number == 1 else []
            cards.append(_card([title, *head, *part, footer], _actions(message) if number == 1 else []))
        return cards

    def _room(self, message: Message) -> int:
        """Return the bytes of a body that one card holds."""
        around = [self._head(message), self._cut(message), self._footer(message)]
        return MAX_CARD - MARGIN - _size(around)

    def _title(self, message: Message, text: str) -> Element:
        shown = self._renderer.text(text)
        title = {"type": "TextBlock", "text": shown, "wrap": True, "weight": "bolder", "size": "large"}
        return {**title, "color": COLORS[message.event]} if message.event in COLORS else title

    def _head(self, message: Message) -> list[Element]:
        content = message.content
        facts = {"Priority": content.priority, "Type": content.type}
        named = {name.casefold() for name in facts}
        # Nothing that an author writes takes the place of a fact, or looks like one.
        own = [
            (f"{name} (metadata)" if name.strip().casefold() in named else name, value)
            for name, value in metadata(message, MAX_FACTS)
        ]
        shown = [
            {"title": name[:MAX_FACT], "value": self._renderer.text(self._composer.redact(value[:MAX_FACT]))}
            for name, value in [*facts.items(), *own][:MAX_FACTS]
        ]
        return [{"type": "FactSet", "facts": shown}]

    def _cut(self, message: Message) -> Element:
        command = f"kubectl get notificationrequest -n {message.namespace} {message.name} -o yaml"
        text = self._renderer.text(f"… truncated; read the whole with {command}")
        return {"type": "TextBlock", "text": text, "wrap": True}

    def _footer(self, message: Message) -> Element:
        text = self._renderer.text(f"{origin(message, self._composer.facts.cluster)} · {message.uid[:8]}")
        return {"type": "TextBlock", "text": text, "isSubtle": True, "size": "small", "wrap": True}


create = TeamsChannel


def _envelope(card: Element) -> Element:
    attachment = {
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": None,
        "content": card,
    }
    return {"type": "message", "attachments": [attachment]}


def _card(body: list[Element], actions: list[Element]) -> Element:
    card: Element = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": body,
    }
    return {**card, "actions": actions} if actions else card


def _actions(message: Message) -> list[Element]:
    shown = [link for link in links(message) if len(link["url"]) <= MAX_FACT * 2][:MAX_ACTIONS]
    return [{"type": "Action.OpenUrl", "title": link["label"][:100], "url": link["url"]} for link in shown]


def _parts(elements: list[Element], *, size: int) -> Iterator[list[Element]]:
    """Yield the elements in parts, each within a size in bytes; no element is larger than a part."""
    part: list[Element] = []
    used = 0
    for element in elements:
        length = _size(element)
        if part and used + length > size:
            yield part
            part, used = [], 0
        part.append(element)
        used += length
    yield part


def _size(value: object) -> int:
    return len(orjson.dumps(value)) + 1
