"""Slack through an incoming webhook, of a receiver or of the operator's settings; it loads no templates."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

import orjson

from notification_runtime.delivery.channel import Channel, Receipt, sending_part
from notification_runtime.delivery.http.exchange import JSON
from notification_runtime.delivery.http_client import HttpClient
from notification_runtime.rendering.slack_text import SlackText

if TYPE_CHECKING:
    from collections.abc import Callable

    from notification_runtime.delivery.channel import Message
    from notification_runtime.delivery.http.exchange import HttpExchange
    from notification_runtime.rendering.slack_blocks import SlackBlocks


class SlackWebhookChannel(Channel):
    """Posts to one webhook; Slack recognizes no repeat.

    Args:
        url: the webhook.
        http: posts there.
        layout: how Slack shows a notification.
        concurrency: the messages at once; None for as many as the operator allows.
    """

    def __init__(
        self,
        url: str,
        *,
        http: HttpExchange,
        layout: SlackBlocks | SlackText,
        concurrency: int | None = None,
    ) -> None:
        self.destination = url
        self.concurrency = concurrency
        self._http = http
        self._layout = layout

    @classmethod
    def of_settings(
        cls,
        url: str,
        *,
        connections: int,
        trusted: bool = False,
        cluster: str = "",
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> Self:
        """Return the channel of the operator's settings; `trusted` and `cluster` as in `SlackText`."""
        # The operator does not count calls that take long; they keep their connections.
        http = HttpClient(url, connections=2 * connections, clock=clock)
        return cls(
            url, http=http, layout=SlackText(trusted=trusted, cluster=cluster), concurrency=connections
        )

    def messages_of(self, message: Message) -> int:
        return self._layout.count(message)

    async def deliver(self, message: Message) -> Receipt:
        """Post the message; a long one in two parts, in order.

        Raises:
            DeliveryError: a repeat posts every part again.
        """
        payloads, note = await self._layout.shown(message)
        for number, payload in enumerate(payloads, start=1):
            key = message.id if number == 1 else f"{message.id}:{number}"
            headers = {"Content-Type": JSON, "Idempotency-Key": key}
            with sending_part(number):
                await self._http.post(orjson.dumps(payload), headers=headers)
        return Receipt(note=note)

    async def close(self) -> None:
        """Close the connections, unless they are shared."""
        await self._http.close()


create = SlackWebhookChannel.of_settings
