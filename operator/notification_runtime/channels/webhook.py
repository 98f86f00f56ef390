"""Webhook: one signed POST per message, as Standard Webhooks, as a CloudEvent, or by the receiver's template."""

from __future__ import annotations

import base64
import binascii
import hmac
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import orjson

from notification_contract.kinds.channel_types.webhook import WebhookFormat
from notification_domain.json_values import format_time
from notification_domain.rendering.markup.markups import WRITTEN
from notification_runtime.delivery.channel import Channel, InvalidOptionsError, Receipt, ReceiverProblem
from notification_runtime.delivery.http.exchange import JSON, UNTRUSTED, HttpExchange, StatusTable
from notification_runtime.rendering.compose import event_type, links

if TYPE_CHECKING:
    from collections.abc import Mapping

    from notification_contract.kinds.channel_types.webhook import Webhook
    from notification_domain.receivers.references import SecretValues
    from notification_runtime.delivery.channel import Message
    from notification_runtime.delivery.http.exchange import NetworkAccess
    from notification_runtime.rendering.compose import Composed, Composer

CLOUD_EVENT: Final = "application/cloudevents+json; charset=utf-8"
KEY_PREFIX: Final = "whsec_"
"""Comes before the base64 of a signing key."""
MIN_KEY: Final = 16
"""Bytes of a signing key; Standard Webhooks recommends 24 to 64."""
TABLE: Final = StatusTable(
    transient=frozenset({408, 425}),
    receiver=MappingProxyType({**UNTRUSTED, 410: ReceiverProblem.GONE}),
)
RESERVED: Final = frozenset(
    {
        "connection",
        "content-length",
        "content-type",
        "host",
        "idempotency-key",
        "transfer-encoding",
        "webhook-id",
        "webhook-signature",
        "webhook-timestamp",
        "x-notification-attempt",
    }
)


class WebhookChannel(Channel):
    """Posts to one URL.

    Raises:
        InvalidOptionsError: a signing key or a header is not valid.
    """

    def __init__(
        self, block: Webhook, secrets: SecretValues, *, access: NetworkAccess, composer: Composer
    ) -> None:
        url = access.checked(block.url or secrets.value("urlSecretRef"))
        # The first key signs, and so does each further one while keys are rotated.
        keys = [
            secrets.value(f"signingSecretRefs[{index}]") for index in range(len(block.signing_secret_refs))
        ]
        self.destination = url
        self._block = block
        self._keys = [_key(number, text) for number, text in enumerate(keys, start=1)]
        self._headers = secrets.keys_of("headersSecretRef")
        _check(self._headers)
        self._clock = access.clock
        self._composer = composer
        self._http = HttpExchange(access, url, table=TABLE, secrets=(url, *keys, *self._headers.values()))

    async def deliver(self, message: Message) -> Receipt:
        """Post the message; the receiver recognizes a repeat by the header `webhook-id`."""
        composed = await self._composer.compose(message, WRITTEN)
        content, content_type, note = self._body(message, composed)
        headers = {
            **self._headers,
            "Content-Type": content_type,
            "Idempotency-Key": message.delivery_id,
            "X-Notification-Attempt": str(message.attempt),
            **self._signature(message.delivery_id, content),
        }
        await self._http.post(content, headers=headers)
        return Receipt(note=note)

    def _body(self, message: Message, composed: Composed[str]) -> tuple[bytes, str, str]:
        note = composed.note
        match self._block.format:
            case WebhookFormat.CLOUD_EVENTS:
                return orjson.dumps(self._cloud_event(message, composed)), CLOUD_EVENT, note
            case WebhookFormat.TEMPLATE if not note:
                if self._block.content_type != JSON or _is_json(composed.body):
                    return composed.body.encode(errors="replace"), self._block.content_type, note
                note = "the result of the template is not JSON; the standard body was sent"
        document = {
            "type": event_type(message),
            "timestamp": format_time(message.created),
            "data": self._data(message, composed),
        }
        return orjson.dumps(document), JSON, note

    def _cloud_event(self, message: Message, composed: Composed[str]) -> dict[str, Any]:
        return {
            "specversion": "1.0",
            "id": message.delivery_id,
            "source": f"/namespaces/{message.namespace}/notificationrequests/{message.name}",
            "type": f"ai.kubernaut.{event_type(message)}",
            "time": format_time(message.created),
            "subject": composed.subject,
            "datacontenttype": JSON,
            "data": self._data(message, composed),
        }

    def _data(self, message: Message, composed: Composed[str]) -> dict[str, Any]:
        """Return the message; the same for every attempt."""
        content, facts = message.content, self._composer.facts
        raw = self._block.format is WebhookFormat.TEMPLATE
        return {
            "deliveryId": message.delivery_id,
            "cluster": facts.cluster,
            "receiver": facts.receiver,
            "namespace": message.namespace,
            "name": message.name,
            "uid": message.uid,
            "type": content.type,
            "priority": content.priority,
            "event": str(message.event),
            "dedupKey": message.dedup_key,
            "format": str(message.format),
            "subject": content.subject if raw else composed.subject,
            "body": content.body if raw else composed.body,
            "metadata": dict(content.metadata),
            "labels": dict(content.labels),
            "actionLinks": links(message, clean=str),
        }

    def _signature(self, delivery_id: str, content: bytes) -> dict[str, str]:
        seconds = str(int(self._clock().timestamp()))
        signed = b".".join((delivery_id.encode(), seconds.encode(), content))
        digests = (base64.b64encode(hmac.digest(key, signed, "sha256")).decode() for key in self._keys)
        headers = {"webhook-id": delivery_id, "webhook-timestamp": seconds}
        if self._keys:
            headers["webhook-signature"] = " ".join(f"v1,{digest}" for digest in digests)
        return headers


create = WebhookChannel


def _is_json(text: str) -> bool:
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True


def _key(number: int, text: str) -> bytes:
    try:
        key = base64.b64decode(text.strip().removeprefix(KEY_PREFIX), validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidOptionsError(
            f"signing key {number} is not base64 after the prefix {KEY_PREFIX}"
        ) from error
    if len(key) < MIN_KEY:
        raise InvalidOptionsError(f"signing key {number} has {len(key)} bytes; use at least {MIN_KEY}")
    return key


def _check(headers: Mapping[str, str]) -> None:
    for name, value in headers.items():
        if name.lower() in RESERVED:
            raise InvalidOptionsError(
                f"the header {name} is set by the operator; remove it from headersSecretRef.keys"
            )
        if not name.isascii() or any(character in name + value for character in "\r\n\0"):
            raise InvalidOptionsError(f"the header {name!r} contains a line break or is not ASCII")
