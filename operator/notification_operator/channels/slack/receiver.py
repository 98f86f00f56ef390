"""The Slack channel of a receiver: through its webhook, or with its bot token."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from notification_operator.channels.slack.bot import SlackBotChannel
from notification_operator.channels.slack.webhook import SlackWebhookChannel
from notification_operator.delivery.channel import ReceiverProblem
from notification_operator.delivery.http.exchange import UNTRUSTED, HttpExchange, StatusTable
from notification_operator.rendering.markup.slack_blocks import SlackBlocks

if TYPE_CHECKING:
    from notification_contract.kinds.channel_types.slack import Slack
    from notification_operator.delivery.channel import Channel
    from notification_operator.delivery.http.exchange import NetworkAccess
    from notification_operator.domain.receivers.references import SecretValues
    from notification_operator.rendering.compose import Composer

TABLE: Final = StatusTable(
    success=frozenset({200}),
    receiver=MappingProxyType({**UNTRUSTED, 410: ReceiverProblem.GONE}),
)


def create(block: Slack, secrets: SecretValues, *, access: NetworkAccess, composer: Composer) -> Channel:
    """Return the channel; the block has either a webhook or a token."""
    if block.webhook_url_secret_ref is None:
        return SlackBotChannel(block, secrets, access=access, composer=composer)
    url = access.checked(secrets.value("webhookUrlSecretRef"))
    return SlackWebhookChannel(
        url,
        http=HttpExchange(access, url, table=TABLE, secrets=(url,)),
        layout=SlackBlocks(composer, mentions=block.mentions),
    )
