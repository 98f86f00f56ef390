"""The contract of a channel over HTTP, checked for each of them against a real server."""

from __future__ import annotations

import asyncio
import gc
import socket
import ssl
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import trustme
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from notification_domain.redaction.redactor import Redactor
from notification_runtime.delivery.channel import (
    DeliveryError,
    Permanent,
    RateLimited,
    Receipt,
    ReceiverError,
    ReceiverProblem,
    Transient,
)
from notification_runtime.delivery.http.egress_guard import guarded_session
from notification_runtime.delivery.http.egress_policy import AddressNotAllowedError, EgressPolicy
from notification_runtime.delivery.http.exchange import OutcomeUnknown, Unsent
from notification_runtime.rendering.compose import MAX_INLINE
from notification_runtime.rendering.worker import RenderWorker
from tests.unit.operator.channels.receivers import (
    KEY,
    LOOPBACK,
    ROUTING_KEY,
    SERVICES,
    TOKEN,
    Service,
    access,
    composer,
    message,
)
from tests.unit.operator.delivery.receiving import PATH, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    import aiohttp

    from notification_runtime.delivery.channel import Channel
    from tests.unit.operator.delivery.receiving import HttpServer

SECRETS = (KEY, TOKEN, ROUTING_KEY, "verysecrettoken", "sms-password", "header-secret")


class HangingNames(AbstractResolver):
    """A name server that does not answer."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        del host, port, family
        await asyncio.sleep(3600)
        return []

    async def close(self) -> None:
        pass


@pytest.fixture(params=SERVICES)
def service(request: pytest.FixtureRequest) -> Service:
    return SERVICES[request.param]


@pytest.fixture
def channel(service: Service, server: HttpServer, session: aiohttp.ClientSession) -> Channel:
    return service.make(server, access(session), composer())


@pytest.fixture(scope="module")
def renderer() -> Iterator[RenderWorker]:
    result = RenderWorker()
    yield result
    result.close()


async def failure(channel: Channel, **changes: object) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        await channel.deliver(message(**changes))
    assert caught.value.__cause__ is caught.value.__context__ is None
    return caught.value


async def test_accepted_message_says_where_it_comes_from(
    service: Service, channel: Channel, server: HttpServer
) -> None:
    service.accepts(server)
    receipt = await channel.deliver(message())
    assert isinstance(receipt, Receipt)
    assert receipt.note == ""
    assert len(server.received) == 1
    assert service.origin in server.received[0].body.decode().replace("\\\\", "")


async def test_event_loop_redacts_no_long_metadata(
    service: Service,
    server: HttpServer,
    session: aiohttp.ClientSession,
    monkeypatch: pytest.MonkeyPatch,
    renderer: RenderWorker,
) -> None:
    here: list[str] = []

    def redact(_redactor: Redactor, text: str) -> str:
        here.append(text)
        return text

    monkeypatch.setattr(Redactor, "text", redact)
    service.accepts(server)
    texts = composer(redactor=Redactor(), renderer=renderer)
    values = {f"k{number}": "\x01" + "v" * 4000 for number in range(64)}
    await service.make(server, access(session), texts).deliver(message(metadata=values))
    assert sum(map(len, here)) <= MAX_INLINE


async def test_author_cannot_forge_the_origin(service: Service, channel: Channel, server: HttpServer) -> None:
    service.accepts(server)
    forged = "from bank/approved"
    await channel.deliver(message(subject=forged, body=f"{forged}\n\n{forged}"))
    assert service.origin in server.received[0].body.decode().replace("\\\\", "")


@pytest.mark.parametrize(
    ("name", "status"), [(name, status) for name, each in SERVICES.items() for status in each.permanent]
)
async def test_refused_message_is_a_permanent_failure(
    name: str, status: int, server: HttpServer, session: aiohttp.ClientSession
) -> None:
    server.add_response(status, "invalid_payload")
    error = await failure(SERVICES[name].make(server, access(session), composer()))
    assert isinstance(error, Permanent)
    assert str(error) == f"HTTP {status}: invalid_payload"


@pytest.mark.parametrize(
    ("name", "status"), [(name, status) for name, each in SERVICES.items() for status in each.transient]
)
async def test_passing_trouble_is_a_transient_failure(
    name: str, status: int, server: HttpServer, session: aiohttp.ClientSession
) -> None:
    server.add_response(status, "busy")
    error = await failure(SERVICES[name].make(server, access(session), composer()))
    assert isinstance(error, Transient)
    assert str(error) == f"HTTP {status}: busy"


@pytest.mark.parametrize(
    ("name", "status"), [(name, status) for name, each in SERVICES.items() for status in each.receiver]
)
async def test_refused_receiver_is_a_receiver_error(
    name: str, status: int, server: HttpServer, session: aiohttp.ClientSession
) -> None:
    server.add_response(status, "no")
    error = await failure(SERVICES[name].make(server, access(session), composer()))
    assert isinstance(error, ReceiverError)
    assert error.reason is SERVICES[name].receiver[status]
    assert str(error) == f"{error.reason}: HTTP {status}: no"


async def test_wrong_credentials_are_a_receiver_error(
    service: Service, channel: Channel, server: HttpServer
) -> None:
    service.refuses_credentials(server)
    error = await failure(channel)
    assert isinstance(error, ReceiverError)
    assert error.reason is ReceiverProblem.AUTHENTICATION_FAILED


async def test_retry_after_of_429_reaches_the_caller(channel: Channel, server: HttpServer) -> None:
    server.add_response(429, "slow down", Retry_After="7")
    error = await failure(channel)
    assert isinstance(error, RateLimited), "it says nothing about the health of the receiver"
    assert error.retry_after == 7


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirect_is_refused(channel: Channel, server: HttpServer, status: int) -> None:
    server.add_response(status, "", Location="/elsewhere")
    assert isinstance(await failure(channel), Permanent)
    assert len(server.received) == 1


async def test_time_out_after_the_request_is_an_unknown_outcome(
    service: Service, server: HttpServer, session: aiohttp.ClientSession
) -> None:
    release = asyncio.Event()

    async def silence(_request: web.Request) -> web.Response:
        await release.wait()
        return web.Response()

    server.responses.append(silence)
    channel = service.make(server, access(session, timeout=0.3), composer())
    error = await failure(channel)
    release.set()
    assert len(server.received) == 1
    assert "may have" in str(error)
    assert isinstance(error, OutcomeUnknown if service.safe_to_repeat else Permanent)


async def test_connection_that_breaks_after_the_request_is_an_unknown_outcome(
    service: Service, channel: Channel, server: HttpServer
) -> None:
    async def hang_up(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    server.responses.append(hang_up)
    error = await failure(channel)
    assert isinstance(error, OutcomeUnknown if service.safe_to_repeat else Permanent)


async def test_server_that_is_away_has_not_got_the_message(
    service: Service, session: aiohttp.ClientSession
) -> None:
    async with serving() as gone:
        pass
    error = await failure(service.make(gone, access(session), composer()))
    assert isinstance(error, Unsent)


async def test_time_out_before_the_connection_has_not_sent_the_message(
    service: Service, server: HttpServer
) -> None:
    async with guarded_session(LOOPBACK, connections=1, resolver=HangingNames()) as session:
        way = access(session, timeout=0.1)
        server.url = server.url.replace("127.0.0.1", "receiver.example")
        error = await failure(service.make(server, way, composer()))
    assert isinstance(error, Unsent)
    assert str(error) == "no connection within 0.1 s"


async def test_repeat_carries_the_same_handle(service: Service, channel: Channel, server: HttpServer) -> None:
    server.add_response(503, "busy")
    service.accepts(server)
    await failure(channel, attempt=1)
    await channel.deliver(message(attempt=2))
    first, second = (service.handle(received) for received in server.received)
    assert first == second


async def test_body_of_256_kib_is_delivered_in_bounded_requests(
    service: Service, channel: Channel, server: HttpServer
) -> None:
    service.accepts(server)
    await channel.deliver(message(body="0123456789abcdef" * 16 * 1024))
    assert len(server.received) == service.parts


@pytest.mark.parametrize(
    "body",
    ["short", "The disk of node 7 is full. " * 9_362, "_" * 262_144, "a\n\n" * 87_381],
    ids=["short", "prose", "escaped", "paragraphs"],
)
async def test_each_request_of_a_notification_counts_against_the_rate(
    service: Service, channel: Channel, server: HttpServer, body: str
) -> None:
    service.accepts(server)
    sent = message(body=body)
    await channel.deliver(sent)
    assert channel.messages_of(sent) == len(server.received) <= 2


async def test_any_text_is_delivered(service: Service, channel: Channel, server: HttpServer) -> None:
    service.accepts(server)
    for body in (
        "",
        '<b>&amp;</b> `rm` "; DROP\\ \t\x07\x00',
        "Заказ 📦 後で مرحبا 👩‍🚀",
        "*_~[](" * 50,
        "\n\n\n",
    ):
        for form in ("Plain", "Markdown", "Native"):
            await channel.deliver(message(subject=body[:500] or " ", body=body, format=form))


@pytest.mark.parametrize("form", ["Plain", "Native"])
async def test_control_characters_reach_the_webhook_alone(
    service: Service, channel: Channel, server: HttpServer, form: str
) -> None:
    service.accepts(server)
    text = "core\x00 dump\x07\x1b \x7f"
    links = ({"service": "s", "label": text, "url": "https://example.com/\x00"},)
    await channel.deliver(
        message(subject=text, body=text, format=form, metadata={text: text}, action_links=links)
    )
    body = server.received[0].body.decode()
    # As JSON, or in a form.
    controls = ("\\u0000", "\\u0007", "\\u001b", "\x7f", "%00", "%07", "%1B", "%7F")
    found = [control for control in controls if control in body]
    assert bool(found) is (service is SERVICES["webhook"])
    assert "core dump" in body or "core+dump" in body or found


async def test_several_messages_are_delivered_at_once(
    service: Service, channel: Channel, server: HttpServer
) -> None:
    service.accepts(server)
    await asyncio.gather(*(channel.deliver(message(delivery_id=f"uid-{number}/x")) for number in range(20)))
    assert len(server.received) == 20


async def test_guard_lets_no_connection_through(
    service: Service, server: HttpServer, session: aiohttp.ClientSession
) -> None:
    strict = EgressPolicy(insecure=True)
    with pytest.raises(AddressNotAllowedError):
        service.make(server, access(session, policy=strict), composer())
    # A name is looked up only when the channel connects.
    server.url = server.url.replace("127.0.0.1", "localhost")
    async with guarded_session(strict, connections=1) as guarded:
        error = await failure(service.make(server, access(guarded, policy=strict), composer()))
    assert isinstance(error, ReceiverError)
    assert error.reason is ReceiverProblem.ADDRESS_NOT_ALLOWED
    assert not server.connections


async def test_clear_text_is_refused_unless_insecure(
    service: Service, server: HttpServer, session: aiohttp.ClientSession
) -> None:
    with pytest.raises(AddressNotAllowedError, match="use https"):
        service.make(server, access(session, policy=replace(LOOPBACK, insecure=False)), composer())
    assert not server.connections


async def test_untrusted_certificate_is_a_receiver_error(
    service: Service, session: aiohttp.ClientSession
) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    async with serving(context) as server:
        error = await failure(service.make(server, access(session), composer()))
    assert isinstance(error, ReceiverError)
    assert error.reason is ReceiverProblem.CERTIFICATE_INVALID
    assert not server.received


async def test_answer_that_repeats_a_secret_is_redacted(channel: Channel, server: HttpServer) -> None:
    server.add_response(500, f"cannot POST {PATH} with {' '.join(SECRETS)}")
    text = str(await failure(channel))
    shown = [secret for secret in SECRETS if secret in text]
    own = [secret for secret in SECRETS if secret in f"{vars(channel)}{channel.destination}"]
    assert "[REDACTED]" in text
    assert not set(shown) & set(own)


async def test_repr_shows_no_secret_and_the_destination_is_known(channel: Channel) -> None:
    assert not any(secret in repr(channel) for secret in SECRETS)
    assert channel.destination_of(message())


async def test_template_that_fails_loses_no_message(
    service: Service, server: HttpServer, session: aiohttp.ClientSession
) -> None:
    service.accepts(server)
    templates = {"body": "one\n{{ notification.missing }}"}
    receipt = await service.make(server, access(session), composer(templates)).deliver(message())
    assert receipt is not None
    assert receipt.note == (
        "the template failed, line 2: 'dict object' has no attribute 'missing'; the built-in one was used"
    )
    assert b"line one" in server.received[0].body or b"line+one" in server.received[0].body


async def test_template_of_the_receiver_is_used_and_redacted_again(
    service: Service, server: HttpServer, session: aiohttp.ClientSession
) -> None:
    service.accepts(server)
    templates = {
        "subject": "S-{{ notification.priority }}",
        "body": "B-{{ cluster }}-{{ attempt }} {{ 'pass' ~ 'word=' }}{{ 'hunter2x' }}",
    }
    texts = composer(templates, redactor=Redactor())
    await service.make(server, access(session), texts).deliver(message())
    body = server.received[0].body.decode().replace("\\\\", "")
    assert "S-high" in body
    assert "B-staging-1" in body
    assert "hunter2x" not in body


async def test_no_resource_stays_open(session: aiohttp.ClientSession) -> None:
    for service in SERVICES.values():
        async with serving() as server:
            service.accepts(server)
            await service.make(server, access(session), composer()).deliver(message())
    gc.collect()
