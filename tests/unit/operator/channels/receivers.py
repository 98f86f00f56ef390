"""The channels over HTTP, each with a server that answers as its service does: shapes that were recorded there."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import parse_qs

from notification_contract.kinds.channel_types import CHANNEL_TYPES
from notification_contract.kinds.choices import BodyFormat
from notification_domain.receivers.references import SecretValues
from notification_runtime.channel_factory import create_channel
from notification_runtime.delivery.channel import Message, ReceiverProblem
from notification_runtime.delivery.http.egress_policy import EgressPolicy
from notification_runtime.delivery.http.exchange import NetworkAccess
from notification_runtime.rendering.compose import Composer, Facts
from tests.harness.sink.services import discord, pagerduty, slack, teams, twilio
from tests.unit.operator.channels import test_channels
from tests.unit.operator.delivery.receiving import PATH, HttpServer, Received

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable, Mapping

    import aiohttp

    from notification_runtime.delivery.channel import Channel
    from tests.harness.sink.services.service import Answered

T = TypeVar("T")
NOW = datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)
DELIVERY_ID = "3f0c2a1b-uid/webhook/orders"
KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
TOKEN = "xoxb-1234567890-very-secret"
ROUTING_KEY = "R0123456789ABCDEF0123456789ABCDE"
SID = "AC0123456789abcdef0123456789abcdef"
LOOPBACK = EgressPolicy(insecure=True, allowed_networks=(ip_network("127.0.0.0/8"),))
AUTH, NOT_FOUND = ReceiverProblem.AUTHENTICATION_FAILED, ReceiverProblem.NOT_FOUND
UNTRUSTED = {401: AUTH, 403: AUTH, 404: NOT_FOUND}


def message(**changes: Any) -> Message:
    """Return a message; names of Content and of Message alike."""
    content = {key: changes.pop(key) for key in list(changes) if not hasattr(test_channels.message(), key)}
    if "format" in changes:
        changes["format"] = BodyFormat(changes["format"])
    result = replace(test_channels.message(**content), delivery_id=DELIVERY_ID, address="+15550100")
    return replace(result, **changes)


def make(
    kind: str, values: Mapping[str, str], way: NetworkAccess, texts: Composer | None = None, /, **fields: Any
) -> Any:
    """Return the channel of a receiver of a type.

    Args:
        kind: the type.
        values: what its Secrets contain, by the field of the block; the block refers to each of them.
        way: how it reaches the network.
        texts: its templates.
        fields: the other fields of the block.
    """
    for name in dict.fromkeys(each.partition("/")[0] for each in values):
        listed, reference = name.endswith("]"), dict[str, Any](name="s")
        field = name.partition("[")[0]
        if field == "headersSecretRef":
            reference["keys"] = [each.removeprefix(f"{field}/") for each in values if each.startswith(field)]
        fields[field] = [*fields.get(field, ()), reference] if listed else reference
    model = CHANNEL_TYPES[kind].block
    assert model is not None, "these types have blocks"
    block = model.model_validate(fields)
    return create_channel(kind, block, SecretValues(values), access=way, composer=texts or composer())


def composer(templates: Mapping[str, str] | None = None, **options: Any) -> Composer:
    facts = Facts(cluster="staging", receiver="orders", receiver_type="webhook")
    return Composer(facts=facts, templates=templates or {}, **options)


def returning(value: T) -> Callable[[], Awaitable[T]]:
    """Return a coroutine function that returns a value."""

    async def get() -> T:
        return value

    return get


def access(session: aiohttp.ClientSession, **changes: Any) -> NetworkAccess:
    return replace(
        NetworkAccess(
            session=returning(session), policy=LOOPBACK, clock=lambda: NOW, timeout=5, namespace="shop"
        ),
        **changes,
    )


def own_connections(tls: ssl.SSLContext | None = None, **changes: Any) -> NetworkAccess:
    """Return the way of a channel that uses no HTTP session."""
    way = NetworkAccess(session=None, policy=LOOPBACK, clock=lambda: NOW, timeout=3)  # type: ignore[arg-type]
    return replace(way, tls=returning(tls), **changes)


def gives(answered: Answered) -> Callable[[HttpServer], None]:
    """Return a script of an answer."""
    return lambda server: server.add_response(answered.status, answered.text)


def base(server: HttpServer) -> str:
    """Return the URL of a server without a path."""
    return server.url.removesuffix(PATH)


@dataclass(frozen=True, kw_only=True)
class Service:
    """One channel over HTTP, and the service that it is for."""

    make: Callable[[HttpServer, NetworkAccess, Composer], Channel]
    accepts: Callable[[HttpServer], None]
    """Scripts the answer to an accepted message."""
    handle: Callable[[Received], str]
    """By which the receiver recognizes a repeat; or the nearest that there is."""
    receiver: dict[int, ReceiverProblem] = field(default_factory=lambda: UNTRUSTED)
    permanent: tuple[int, ...] = (400, 413, 422)
    transient: tuple[int, ...] = (429, 500, 502, 503, 504)
    refuses_credentials: Callable[[HttpServer], None] = lambda server: server.add_response(
        401, "unauthorized"
    )
    parts: int = 1
    """Requests for a body of 256 KiB."""
    origin: str = "from shop/order-1"
    safe_to_repeat: bool = True


def _form(received: Received) -> dict[str, str]:
    return {key: values[0] for key, values in parse_qs(received.body.decode()).items()}


SERVICES: dict[str, Service] = {
    "webhook": Service(
        make=lambda server, way, texts: make(
            "webhook",
            {
                "urlSecretRef": server.url,
                "signingSecretRefs[0]": KEY,
                "headersSecretRef/X-Token": "header-secret",
            },
            way,
            texts,
        ),
        accepts=lambda server: server.add_response(202, "accepted"),
        handle=lambda received: received.headers["webhook-id"],
        receiver={**UNTRUSTED, 410: ReceiverProblem.GONE},
        transient=(408, 425, 429, 500, 502, 503, 504),
        origin='"namespace":"shop","name":"order-1"',
    ),
    "teams": Service(
        make=lambda server, way, texts: make("teams", {"urlSecretRef": server.url}, way, texts),
        accepts=gives(teams.ACCEPTED),
        handle=lambda received: received.headers["Idempotency-Key"],
        refuses_credentials=gives(teams.UNAUTHORIZED),
        permanent=(400, 413),
        parts=2,
    ),
    "pagerduty": Service(
        make=lambda server, way, texts: make(
            "pagerduty", {"routingKeySecretRef": ROUTING_KEY}, way, texts, baseUrl=base(server)
        ),
        accepts=gives(pagerduty.accepted("shop/order-1/uid")),
        handle=lambda received: received.json["dedup_key"],
        refuses_credentials=gives(
            pagerduty.refused("Length of 'routing_key' is incorrect (should be 32 characters)")
        ),
    ),
    "sms": Service(
        make=lambda server, way, texts: make(
            "sms",
            {"authSecretRef/username": "SK0123456789", "authSecretRef/password": "sms-password"},
            way,
            texts,
            accountSid=SID,
            baseUrl=base(server),
            **{"from": "+15550199"},
        ),
        accepts=gives(twilio.accepted(SID, {})),
        handle=lambda received: _form(received)["Body"],
        refuses_credentials=gives(twilio.UNAUTHORIZED),
        origin="from+shop%2Forder-1",
        safe_to_repeat=False,
    ),
    "slack-bot": Service(
        make=lambda server, way, texts: make(
            "slack", {"botTokenSecretRef": TOKEN}, way, texts, channel="C0123", baseUrl=base(server)
        ),
        accepts=gives(slack.accepted("C0123")),
        handle=lambda received: received.json["metadata"]["event_payload"]["delivery_id"],
        refuses_credentials=gives(slack.refused("invalid_auth")),
        parts=2,
    ),
    "slack-webhook": Service(
        make=lambda server, way, texts: make("slack", {"webhookUrlSecretRef": server.url}, way, texts),
        accepts=lambda server: server.add_response(200, "ok"),
        handle=lambda received: received.body.decode(),
        receiver={**UNTRUSTED, 410: ReceiverProblem.GONE},
        refuses_credentials=lambda server: server.add_response(403, "invalid_token"),
        parts=2,
    ),
    "discord": Service(
        make=lambda server, way, texts: make("discord", {"urlSecretRef": server.url}, way, texts),
        accepts=gives(discord.ACCEPTED),
        handle=lambda received: received.json["embeds"][0]["footer"]["text"],
        refuses_credentials=gives(discord.UNAUTHORIZED),
        parts=2,
    ),
    "mattermost": Service(
        make=lambda server, way, texts: make(
            "mattermost", {"urlSecretRef": server.url}, way, texts, channel="town-square"
        ),
        accepts=lambda server: server.add_response(200, "ok"),
        handle=lambda received: received.json["text"],
        refuses_credentials=lambda server: server.add_response(
            403, json.dumps({"id": "web.incoming_webhook.invalid.app_error", "status_code": 403})
        ),
        parts=2,
        origin="from shop/order",
    ),
}
