"""Slack through the incoming webhook of a receiver: blocks with buttons and fields."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import orjson

from notification_operator.delivery.channel import Channel, Receipt, ReceiverProblem
from notification_operator.delivery.http.exchange import JSON, UNTRUSTED, HttpExchange, StatusTable
from notification_operator.delivery.rendering.markup.slack_blocks import SlackBlocks

if TYPE_CHECKING:
    from notification_contract.kinds.channel_types.slack import Slack
    from notification_operator.delivery.channel import Message
    from notification_operator.delivery.http.exchange import NetworkAccess
    from notification_operator.delivery.rendering.compose import Composer
    from notification_operator.domain.receivers.references import SecretValues

TABLE: Final = StatusTable(
    success=frozenset({200}),
    receiver=MappingProxyType({**UNTRUSTED, 410: ReceiverProblem.GONE}),
)


class SlackWebhookChannel(Channel):
    """Posts to one incoming webhook; Slack recognizes no repeat."""

    def __init__(
        self, block: Slack, secrets: SecretValues, *, access: NetworkAccess, composer: Composer
    ) -> None:
        self.destination = url = access.checked(secrets.value("webhookUrlSecretRef"))
        self._composer = composer
        self._blocks = SlackBlocks(composer, mentions=block.mentions)
        self._http = HttpExchange(access, url, table=TABLE, secrets=(url,))

    async def deliver(self, message: Message) -> Receipt:
        """Post the message; a long one as two, and what is longer is cut."""
        composed = await self._composer.compose(message, self._blocks.renderer.body)
        for payload in self._blocks.payloads(message, composed):
            await self._http.post(orjson.dumps(payload), headers={"Content-Type": JSON})
        return Receipt(note=composed.note)
