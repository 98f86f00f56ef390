"""PagerDuty: one event per message, through the Events API v2."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

import orjson

from notification_contract.kinds.choices import LifecycleEvent
from notification_domain.json_values import format_time
from notification_domain.rendering.markup.markups import PLAIN
from notification_domain.rendering.pieces import shortened
from notification_runtime.delivery.channel import Channel, Permanent, Receipt, ReceiverError, ReceiverProblem
from notification_runtime.delivery.http.exchange import JSON, HttpExchange, StatusTable
from notification_runtime.rendering.compose import links, origin

if TYPE_CHECKING:
    from notification_contract.kinds.channel_types.pagerduty import PagerDuty
    from notification_domain.receivers.references import SecretValues
    from notification_runtime.delivery.channel import Message
    from notification_runtime.delivery.http.exchange import NetworkAccess, Reply
    from notification_runtime.rendering.compose import Composed, Composer

BASE_URL: Final = "https://events.pagerduty.com"
MAX_SUMMARY: Final = 1024
MAX_DEDUP_KEY: Final = 255
MAX_EVENT: Final = 512_000
MAX_LINKS: Final = 20
SEVERITIES: Final = {"critical": "critical", "high": "error", "medium": "warning", "low": "info"}
ACTIONS: Final = {
    LifecycleEvent.TRIGGER: "trigger",
    LifecycleEvent.ACKNOWLEDGE: "acknowledge",
    LifecycleEvent.RESOLVE: "resolve",
}
COMPONENT: Final = "kubernaut.ai/component"
OMITTED: Final = "omitted: the event would exceed the 512,000 bytes that PagerDuty accepts"
TABLE: Final = StatusTable(success=frozenset({202}))
BAD_REQUEST: Final = 400


class PagerDutyChannel(Channel):
    def __init__(
        self, block: PagerDuty, secrets: SecretValues, *, access: NetworkAccess, composer: Composer
    ) -> None:
        service = access.checked(block.base_url or BASE_URL)
        self.destination = url = f"{service.rstrip('/')}/v2/enqueue"
        self._key = secrets.value("routingKeySecretRef")
        self._home = access.namespace
        self._shared_keys = block.shared_keys
        self._composer = composer
        self._http = HttpExchange(access, url, table=TABLE, secrets=(self._key,))

    async def deliver(self, message: Message) -> Receipt:
        """Send the event; PagerDuty recognizes a repeat by its `dedup_key`."""
        composed = await self._composer.compose(message, PLAIN)
        content = orjson.dumps(self.event(message, composed))
        note = composed.note
        if len(content) > MAX_EVENT:
            content = orjson.dumps(self.event(message, composed, details={"body": OMITTED}))
            note = "; ".join(filter(None, (note, f"custom_details {OMITTED}")))
        reply = await self._http.request(content, headers={"Content-Type": JSON})
        self._raise_for(reply)
        return Receipt(message_ref=self._dedup_key(message), note=note)

    def event(
        self, message: Message, composed: Composed[str], *, details: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        event: dict[str, Any] = {
            "routing_key": self._key,
            "event_action": ACTIONS[message.event],
            "dedup_key": self._dedup_key(message),
        }
        if message.event is not LifecycleEvent.TRIGGER:
            return event
        content = message.content
        payload = {
            "summary": shortened(composed.subject, MAX_SUMMARY),
            "source": f"{message.namespace}/{message.name}",
            "severity": SEVERITIES.get(content.priority, "warning"),
            "timestamp": format_time(message.created),
            "component": content.labels.get(COMPONENT, ""),
            "group": message.namespace,
            "class": content.type,
            "custom_details": self._details(message, composed) if details is None else details,
        }
        shown = [{"href": link["url"], "text": link["label"]} for link in links(message)[:MAX_LINKS]]
        source = origin(message, self._composer.facts.cluster)
        return {**event, "payload": payload, "links": shown, "client": source}

    def _dedup_key(self, message: Message) -> str:
        # A slash would let a key of the receiver's own namespace name the incident of another one.
        is_home = message.namespace == self._home and "/" not in message.dedup_key
        return dedup_key(message, own=self._shared_keys or is_home)

    def _details(self, message: Message, composed: Composed[str]) -> dict[str, Any]:
        return {
            "body": composed.body,
            "metadata": dict(composed.metadata),
            "cluster": self._composer.facts.cluster,
            "deliveryId": message.delivery_id,
        }

    def _raise_for(self, reply: Reply) -> None:
        if reply.status == BAD_REQUEST:
            errors = reply.json.get("errors") or ()
            text = "; ".join(str(error) for error in errors) or reply.body
            # The routing key is the receiver's; any other error is about the event.
            if "routing_key" in text or "routing key" in text.lower():
                raise ReceiverError(ReceiverProblem.AUTHENTICATION_FAILED, text)
            raise Permanent(f"HTTP {reply.status}: {text}")
        self._http.raise_for(reply)


create = PagerDutyChannel


def dedup_key(message: Message, *, own: bool) -> str:
    """Return the key of an incident, at most 255 characters.

    Args:
        message: with the `dedupKey`, if there is one.
        own: whether the key is used as the author has written it. Otherwise it begins with the namespace, also if it is
            too long: a key that is cut there could begin as its author likes.
    """
    if not message.dedup_key:
        # The uid is at its end.
        return f"{message.namespace}/{message.name}/{message.uid}"[-MAX_DEDUP_KEY:]
    if own:
        return message.dedup_key[-MAX_DEDUP_KEY:]
    key = f"{message.namespace}/{message.dedup_key}"
    if len(key) <= MAX_DEDUP_KEY:
        return key
    return f"{message.namespace}/{sha256(message.dedup_key.encode()).hexdigest()}"
