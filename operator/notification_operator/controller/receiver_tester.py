"""Sends the test message of a receiver, past its circuit breaker and its rate limit."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from notification_contract.kinds.choices import ReceiverTestOutcome
from notification_operator.delivery.channel import DeliveryError, Message
from notification_operator.domain.error_text import describe
from notification_operator.domain.model import Content
from notification_operator.domain.receivers.status import ReceiverTestResult

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from notification_operator.delivery.channel import Channel
    from notification_operator.domain.receivers.catalog import Catalog, Receiver, ReceiverKey
    from notification_operator.endpoints.endpoint import Endpoint
    from notification_operator.endpoints.registry import Endpoints

SUBJECT: Final = "Test message of the notification platform"


def failed(message: str) -> ReceiverTestResult:
    return ReceiverTestResult(outcome=ReceiverTestOutcome.FAILED, message=message)


class ReceiverTester:
    """Sends test messages, past the circuit breaker and the rate limit of a receiver."""

    def __init__(
        self,
        catalog: Callable[[], Catalog],
        endpoints: Endpoints,
        *,
        clock: Callable[[], datetime],
        redact: Callable[[str], str],
    ) -> None:
        self._catalog = catalog
        self._endpoints = endpoints
        self._clock = clock
        self._redact = redact

    async def test(self, key: ReceiverKey, requested_at: str) -> ReceiverTestResult:
        """Send one message to each recipient of a receiver; the same request has the same delivery id."""
        receiver = self._catalog().get(key)
        if receiver is None:
            return failed("the receiver has no valid spec")
        endpoint = self._endpoints.endpoint(receiver)
        channel = endpoint.channel
        if channel is None:
            return failed(self._endpoints.readiness(receiver).problem)
        if receiver.spec.addresses_people and not receiver.spec.own_addresses:
            return failed(f"the receiver lists no recipients; set {receiver.spec.type}.to to test it")
        addresses = receiver.spec.own_addresses or ("",)
        for number, address in enumerate(addresses, start=1):
            problem = await self._send(
                endpoint, channel, self._message(receiver, f"{requested_at}/{number}", address)
            )
            if problem:
                return failed(problem)
        return ReceiverTestResult(
            outcome=ReceiverTestOutcome.SUCCEEDED, message="The receiver accepted the message"
        )

    async def _send(self, endpoint: Endpoint, channel: Channel, message: Message) -> str:
        """Send a message; return why it failed, or an empty text."""
        seconds = endpoint.limits.timeout
        try:
            async with asyncio.timeout(seconds):
                await channel.deliver(message)
        except TimeoutError:
            return f"timed out after {seconds:g} s"
        except Exception as error:  # noqa: BLE001 - whatever a channel raises is the result of the test
            return describe(error, bare=DeliveryError, redact=self._redact)
        return ""

    def _message(self, receiver: Receiver, request: str, address: str) -> Message:
        key = receiver.key
        text = f"Receiver {key} works. This message was requested at {request.partition('/')[0]}."
        delivery_id = f"{receiver.uid}/test/{request}"
        return Message(
            id=delivery_id,
            delivery_id=delivery_id,
            namespace=key.namespace,
            name=key.name,
            uid=receiver.uid,
            created=self._clock(),
            channels=(f"{receiver.spec.type}/{key.name}",),
            content=Content(type="simple", priority="low", subject=SUBJECT, body=text),
            dedup_key=delivery_id,
            address=address,
        )
