"""The factory: from the spec of each type and its Secrets to a message that arrives."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import trustme
from standardwebhooks import Webhook

from notification_contract.crds import notification_request
from notification_contract.kinds.channel_names import ADDRESSES, SHARED, ReceiverType
from notification_domain.receivers.health import ReadyReason
from notification_runtime import channel_factory as factory
from notification_runtime.channel_factory import create_channel
from tests.unit.operator.channels.mail_server import USERNAME, mail_server
from tests.unit.operator.channels.receivers import KEY, SERVICES, TOKEN, base
from tests.unit.operator.delivery.receiving import PATH, serving
from tests.unit.operator.domain.receivers.entries import listed, receiver
from tests.unit.operator.endpoints.far_ends import (
    CREDENTIALS,
    FAR,
    HERE,
    Far,
    far_receiver,
    network,
    proxying,
    put_secrets,
    secure_server,
)

if TYPE_CHECKING:
    from notification_domain.receivers.catalog import Receiver
    from notification_domain.receivers.health import Readiness
    from notification_runtime.delivery.channel import Channel
    from notification_runtime.delivery.http.exchange import NetworkAccess
    from tests.unit.operator.channels.mail_server import MailServer
    from tests.unit.operator.endpoints.stage import Stage

SECRETS = ("verysecrettoken", "sms-password", "header-secret", TOKEN, KEY)
LOCAL = {"url": None, "urlSecretRef": {"name": "s", "key": "u"}, "insecure": True, **HERE}
"""The block of a webhook to a server without TLS on this machine."""
OPS = "ops@example.com"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(params=FAR)
def far(request: pytest.FixtureRequest) -> Far:
    return FAR[request.param]


def target_of(far: Far) -> str:
    return listed(far.kind, "r", far.target) if far.target else f"{far.kind}/r"


def readiness(stage: Stage) -> Readiness:
    (entry,) = stage.catalog.receivers.values()
    return stage.readiness(entry)


async def test_message_arrives_at_each_type_of_receiver(far: Far, authority: trustme.CA) -> None:
    async with network() as stage_of, secure_server(authority) as server:
        stage = stage_of(far_receiver(far, server))
        put_secrets(stage, far, server, authority)
        service = SERVICES[far.channel]
        service.accepts(server)
        attempt = await stage.attempt(target_of(far))
    assert (attempt.error, attempt.note) == (None, "")
    (received,) = server.received
    request = f"{received.headers}\n{received.body.decode()}"
    assert all(text in request for text in far.shown)
    assert service.origin in received.body.decode().replace("\\\\", "")


async def test_denied_network_gets_nothing_from_each_type_of_receiver(
    far: Far, authority: trustme.CA
) -> None:
    denied = ("127.0.0.0/8", "::1/128")
    async with network(denied_networks=denied) as stage_of, secure_server(authority) as server:
        stage = stage_of(far_receiver(far, server))
        put_secrets(stage, far, server, authority)
        attempt = await stage.attempt(target_of(far))
    assert not server.received
    assert attempt.error is not None
    assert "which the operator's setting receivers.denied_networks contains" in attempt.error


async def test_host_that_is_not_allowed_gets_nothing_from_each_type_of_receiver(
    far: Far, authority: trustme.CA
) -> None:
    async with network(allowed_hosts=("example.com",)) as stage_of, secure_server(authority) as server:
        stage = stage_of(far_receiver(far, server))
        put_secrets(stage, far, server, authority)
        attempt = await stage.attempt(target_of(far))
    assert not server.received
    assert attempt.error is not None
    assert "the operator's setting receivers.allowed_hosts does not contain it" in attempt.error


async def test_repeat_has_the_same_delivery_id(far: Far, authority: trustme.CA) -> None:
    async with network() as stage_of, secure_server(authority) as server:
        stage = stage_of(far_receiver(far, server))
        put_secrets(stage, far, server, authority)
        service = SERVICES[far.channel]
        server.add_response(503, "busy")
        service.accepts(server)
        target = target_of(far)
        assert not (await stage.attempt(target, number=1)).succeeded
        assert (await stage.attempt(target, number=2)).succeeded
    first, second = server.received
    assert service.handle(first) == service.handle(second)
    if far.channel in {"webhook", "slack-bot"}:
        assert service.handle(first) == f"uid-1/{target}"


async def test_error_shows_no_secret_of_the_receiver(far: Far, authority: trustme.CA) -> None:
    async with network() as stage_of, secure_server(authority) as server:
        stage = stage_of(far_receiver(far, server))
        put_secrets(stage, far, server, authority)
        server.add_response(500, f"cannot POST {PATH} with {' '.join(SECRETS)} to +15550100")
        attempt = await stage.attempt(target_of(far))
    used = [secret for secret in SECRETS if secret in str(far.secrets(server.url))]
    assert attempt.error is not None
    assert not [secret for secret in used if secret in attempt.error]
    assert not far.target or far.target not in attempt.error


async def test_unknown_authority_is_a_receiver_error(far: Far, authority: trustme.CA) -> None:
    async with network() as stage_of, secure_server(trustme.CA()) as server:
        stage = stage_of(far_receiver(far, server))
        put_secrets(stage, far, server, authority)
        attempt = await stage.attempt(target_of(far))
    assert attempt.permanent
    assert attempt.error is not None
    assert "CertificateInvalid" in attempt.error
    assert not server.received


async def test_certificate_of_another_name_is_accepted_by_server_name(
    far: Far, authority: trustme.CA
) -> None:
    name = "hooks.example.test"
    for server_name, accepted in (("", False), (name, True)):
        async with network() as stage_of, secure_server(authority, name) as server:
            tls = {"caSecretRef": {"name": "ca"}} | ({"serverName": server_name} if server_name else {})
            stage = stage_of(far_receiver(far, server, tls=tls))
            put_secrets(stage, far, server, authority)
            SERVICES[far.channel].accepts(server)
            assert (await stage.attempt(target_of(far))).succeeded is accepted


async def test_certificate_of_the_client_is_presented(far: Far, authority: trustme.CA) -> None:
    clients = trustme.CA()
    certificate = clients.issue_cert("operator.example.test")
    tls = {"caSecretRef": {"name": "ca"}, "certSecretRef": {"name": "client"}}
    for with_certificate in (False, True):
        async with network() as stage_of, secure_server(authority, client=clients) as server:
            stage = stage_of(far_receiver(far, server, **({"tls": tls} if with_certificate else {})))
            put_secrets(stage, far, server, authority)
            pem = certificate.cert_chain_pems[0].bytes().decode()
            key = certificate.private_key_pem.bytes().decode()
            stage.secrets.put("client", **{"tls.crt": pem, "tls.key": key})
            SERVICES[far.channel].accepts(server)
            attempt = await stage.attempt(target_of(far))
            assert (attempt.succeeded, len(server.received)) == (with_certificate, int(with_certificate))


async def test_address_outside_the_allowed_networks_makes_the_receiver_invalid(
    far: Far, authority: trustme.CA
) -> None:
    async with network() as stage_of, secure_server(authority) as server:
        block = far.block(base(server)) | {"allowedNetworks": ["10.0.0.0/8"]}
        stage = stage_of(receiver("r", far.kind, block=block))
        put_secrets(stage, far, server, authority)
        ready = readiness(stage)
    assert (ready.reason, ready.sendable) == (ReadyReason.INVALID, False)
    assert "the egress guard refuses 127.0.0.1: it is in the private network 127.0.0.0/8" in ready.message
    assert not server.connections


async def test_name_of_a_private_address_is_refused_at_the_connection(authority: trustme.CA) -> None:
    async with network() as stage_of, secure_server(authority) as server:
        url = server.url.replace("127.0.0.1", "localhost")
        stage = stage_of(receiver("r", block={"url": url}))
        attempt = await stage.attempt("webhook/r")
    assert attempt.error is not None
    assert "AddressNotAllowed" in attempt.error
    assert not server.connections


async def test_clear_text_makes_the_receiver_invalid_unless_it_is_insecure(
    far: Far, authority: trustme.CA
) -> None:
    async with network() as stage_of, serving() as server:
        stage = stage_of(far_receiver(far, server))
        put_secrets(stage, far, server, authority)
        ready = readiness(stage)
    assert ready.reason is ReadyReason.INVALID
    assert "the egress guard refuses the scheme 'http': use https" in ready.message
    assert not server.connections


async def test_insecure_webhook_posts_over_http() -> None:
    async with network() as stage_of, serving() as server:
        stage = stage_of(receiver("r", block=LOCAL))
        stage.secrets.put("s", u=server.url)
        assert (await stage.attempt("webhook/r")).succeeded
    assert server.received[0].json["data"]["cluster"] == "staging"


async def test_every_signing_key_signs() -> None:
    keys = (KEY, "whsec_" + "QUJDREVGR0hJSktMTU5PUFFSU1RVVg==")
    refs = [{"name": "keys", "key": "new"}, {"name": "keys", "key": "old"}]
    async with network() as stage_of, serving() as server:
        stage = stage_of(receiver("r", block=LOCAL | {"signingSecretRefs": refs}))
        stage.secrets.put("s", u=server.url)
        stage.secrets.put("keys", new=keys[0], old=keys[1])
        assert (await stage.attempt("webhook/r")).succeeded
    (received,) = server.received
    name, body = received.headers["webhook-id"], received.body.decode()
    when = datetime.fromtimestamp(int(received.headers["webhook-timestamp"]), UTC)
    expected = [Webhook(key).sign(name, when, body) for key in keys]
    assert received.headers["webhook-signature"].split() == expected


@pytest.mark.parametrize(
    ("block", "secrets", "message"),
    [
        (
            {"signingSecretRefs": [{"name": "s", "key": "k"}]},
            {"k": "hunter2!"},
            "signing key 1 is not base64",
        ),
        ({"signingSecretRefs": [{"name": "s", "key": "k"}]}, {"k": "whsec_aHVudGVyMg=="}, "has 7 bytes"),
        (
            {"headersSecretRef": {"name": "s", "keys": ["Host"]}},
            {"Host": "hunter2"},
            "the header Host is set by the operator; remove it from headersSecretRef.keys",
        ),
        (
            {"headersSecretRef": {"name": "s", "keys": ["X"]}},
            {"X": "hunter2\nY: z"},
            "contains a line break",
        ),
        ({"url": None, "urlSecretRef": {"name": "s", "key": "k"}}, {"k": "hunter2"}, "use https"),
        ({"url": None, "urlSecretRef": {"name": "s", "key": "k"}}, {"k": "  "}, "use https"),
        ({"url": "https://[::1"}, {}, "it is not valid"),
        ({"url": "https://user:hunter2@example.com"}, {}, "refuses credentials in a URL"),
    ],
)
async def test_value_that_can_never_work_makes_the_receiver_invalid(
    block: dict[str, Any], secrets: dict[str, str], message: str
) -> None:
    async with network() as stage_of:
        stage = stage_of(receiver("r", block=block))
        stage.secrets.put("s", **secrets)
        ready = readiness(stage)
    assert (ready.reason, ready.sendable) == (ReadyReason.INVALID, False)
    assert message in ready.message
    assert "hunter2" not in ready.message


@pytest.mark.parametrize(
    ("tls", "message"),
    [
        ({"caSecretRef": {"name": "s", "key": "k"}}, "tls.caSecretRef holds no certificate in PEM"),
        ({"certSecretRef": {"name": "s"}}, "tls.certSecretRef holds no certificate with its key in PEM"),
    ],
)
@pytest.mark.parametrize("kind", ["webhook", "email"])
async def test_certificate_that_is_none_makes_the_receiver_invalid(
    kind: str, tls: dict[str, Any], message: str
) -> None:
    async with network() as stage_of:
        stage = stage_of(receiver("r", kind, tls=tls))
        stage.secrets.put("s", **{"k": "hunter2", "tls.crt": "hunter2", "tls.key": "hunter2"})
        ready = await stage.examine(*stage.catalog.receivers.values())
    assert ready.reason is ReadyReason.INVALID
    assert message in ready.message
    assert "hunter2" not in ready.message


async def test_message_before_its_certificates_are_examined_is_repeated() -> None:
    async with network() as stage_of:
        stage = stage_of(receiver("r", tls={"caSecretRef": {"name": "s", "key": "k"}}))
        stage.secrets.put("s", k="hunter2")
        attempt = await stage.attempt("webhook/r")
    assert attempt.error is not None
    assert "tls.caSecretRef holds no certificate in PEM" in attempt.error
    assert not attempt.permanent


async def test_proxy_opens_the_tunnel(authority: trustme.CA) -> None:
    far = FAR["webhook"]
    async with network() as stage_of, secure_server(authority) as server, proxying() as proxy:
        stage = stage_of(far_receiver(far, server, proxySecretRef={"name": "proxy"}))
        put_secrets(stage, far, server, authority)
        stage.secrets.put("proxy", url=f"http://me:hunter2@127.0.0.1:{proxy.port}\n")
        attempt = await stage.attempt("webhook/r")
    assert attempt.error is None
    (head,) = proxy.heads
    assert head.startswith(f"CONNECT {base(server).removeprefix('https://')} HTTP/1.1\r\n")
    assert "Proxy-Authorization: Basic " in head
    assert len(server.received) == 1


async def test_proxy_that_is_away_is_a_transient_failure_without_its_password(authority: trustme.CA) -> None:
    far = FAR["webhook"]
    async with proxying() as proxy:
        pass
    async with network() as stage_of, secure_server(authority) as server:
        stage = stage_of(far_receiver(far, server, proxySecretRef={"name": "proxy"}))
        put_secrets(stage, far, server, authority)
        stage.secrets.put("proxy", url=f"http://me:hunter2@127.0.0.1:{proxy.port}")
        attempt = await stage.attempt("webhook/r")
    assert (attempt.succeeded, attempt.permanent) == (False, False)
    assert attempt.error is not None
    assert "hunter2" not in attempt.error


@pytest.mark.parametrize("url", ["hunter2", "socks5://127.0.0.1:1080", "http://", "http://[::1"])
async def test_proxy_that_is_no_url_makes_the_receiver_invalid(url: str) -> None:
    async with network() as stage_of:
        stage = stage_of(receiver("r", proxySecretRef={"name": "s"}))
        stage.secrets.put("s", url=url)
        ready = readiness(stage)
    assert ready.message == "proxySecretRef holds no URL such as http://proxy.example.com:3128"


async def test_rotated_secret_is_used_by_the_next_message() -> None:
    async with network() as stage_of, serving() as first, serving() as second:
        stage = stage_of(receiver("r", block=LOCAL))
        for server in (first, second):
            stage.rotate("s", u=server.url)
            assert (await stage.attempt("webhook/r")).succeeded
    assert (len(first.received), len(second.received)) == (1, 1)


def mail(server: MailServer, *, block: dict[str, Any] | None = None, **fields: Any) -> Receiver:
    here = {"host": "127.0.0.1", "port": server.port, "to": [OPS], "authSecretRef": {"name": "login"}, **HERE}
    trust = {"tls": {"caSecretRef": {"name": "ca"}}}
    return receiver("smtp", "email", block=here | (block or {}), **(trust | fields))


def put_mail_secrets(stage: Stage, server: MailServer) -> None:
    stage.secrets.put("login", **CREDENTIALS)
    stage.secrets.put("ca", **{"ca.crt": server.authority.cert_pem.bytes().decode()})


@pytest.mark.parametrize("security", ["StartTLS", "TLS"])
async def test_mail_arrives_encrypted_and_authenticated(security: str) -> None:
    async with network() as stage_of, mail_server(tls=security == "TLS", auth=True) as server:
        stage = stage_of(mail(server, block={"security": security}))
        put_mail_secrets(stage, server)
        attempts = [await stage.attempt(listed("email", "smtp", OPS), number=number) for number in (1, 2)]
    assert [each.error for each in attempts] == [None, None]
    assert server.encrypted == [True, True]
    assert server.users[-1].endswith(f":{USERNAME}")
    first, second = server.mails
    assert (first["To"], first["From"]) == (OPS, "sender@example.com")
    assert first["Message-ID"] == second["Message-ID"] == attempts[0].message_ref


async def test_mail_server_of_another_name_is_accepted_by_server_name() -> None:
    for server_name, accepted in (("", False), ("mail.example.test", True)):
        async with network() as stage_of, mail_server(auth=True, host="mail.example.test") as server:
            tls = {"caSecretRef": {"name": "ca"}} | ({"serverName": server_name} if server_name else {})
            stage = stage_of(mail(server, tls=tls))
            put_mail_secrets(stage, server)
            attempt = await stage.attempt(listed("email", "smtp", OPS))
        assert attempt.succeeded is accepted


async def test_refused_recipient_is_not_shown() -> None:
    async with network() as stage_of, mail_server(auth=True) as server:
        server.answers["RCPT"] = f"550 5.1.1 <{OPS}>: no such user"
        stage = stage_of(mail(server))
        put_mail_secrets(stage, server)
        attempt = await stage.attempt(listed("email", "smtp", OPS))
    assert attempt.permanent
    assert attempt.error is not None
    assert "ops" not in attempt.error
    assert "no such user" in attempt.error


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ({"security": "None"}, "email.security None would send the password in clear text"),
        ({"allowedNetworks": []}, "it is in the private network 127.0.0.0/8"),
        ({"host": "0x7f.1"}, "write an IPv4 address as four decimal numbers"),
    ],
)
async def test_mail_server_that_can_never_be_used_makes_the_receiver_invalid(
    block: dict[str, Any], message: str
) -> None:
    async with network() as stage_of, mail_server() as server:
        stage = stage_of(mail(server, block=block))
        put_mail_secrets(stage, server)
        ready = readiness(stage)
    assert ready.reason is ReadyReason.INVALID
    assert message in ready.message


TEMPLATES = {
    "what the template says": ("S {{ notification.priority }}", "B {{ cluster }} {{ receiver.name }}"),
    "what the built-in one says": ("{{ unknown | nothing }}", "{% include 'x' %}"),
}


@pytest.mark.parametrize("source", ["inline", "configMapRef"])
async def test_templates_of_a_receiver_are_used(source: str) -> None:
    subject, body = TEMPLATES["what the template says"]
    template = (
        {"inline": {"subject": subject, "body": body}}
        if source == "inline"
        else {"configMapRef": {"name": "t"}}
    )
    async with network() as stage_of, serving() as server:
        stage = stage_of(receiver("r", block=LOCAL, template=template))
        stage.secrets.put("s", u=server.url)
        stage.config_maps.put("t", subject=subject, body=body)
        assert readiness(stage).reason is ReadyReason.ACCEPTED
        assert (await stage.attempt("webhook/r")).note == ""
    data = server.received[0].json["data"]
    assert (data["subject"], data["body"]) == ("S low", "B staging shop/r")


async def test_template_that_is_not_valid_loses_no_message() -> None:
    subject, body = TEMPLATES["what the built-in one says"]
    async with network() as stage_of, serving() as server:
        stage = stage_of(receiver("r", block=LOCAL, template={"inline": {"subject": subject, "body": body}}))
        stage.secrets.put("s", u=server.url)
        (entry,) = stage.catalog.receivers.values()
        ready = await stage.examine(entry)
        assert (ready.reason, ready.sendable) == (ReadyReason.TEMPLATE_INVALID, True)
        assert ready.message.startswith("template, subject: ")
        assert "; template, body: " in ready.message
        assert (await stage.attempt("webhook/r")).succeeded
    assert json.loads(server.received[0].body)["data"]["subject"] == "s"


async def test_template_that_fails_at_a_message_is_noted() -> None:
    async with network() as stage_of, serving() as server:
        stage = stage_of(
            receiver("r", block=LOCAL, template={"inline": {"body": "{{ notification.missing }}"}})
        )
        stage.secrets.put("s", u=server.url)
        assert readiness(stage).reason is ReadyReason.ACCEPTED
        attempt = await stage.attempt("webhook/r")
    assert attempt.succeeded
    assert attempt.note.startswith("the template failed, line 1: ")


async def test_output_of_a_template_is_redacted() -> None:
    async with network() as stage_of, serving() as server:
        stage = stage_of(
            receiver("r", block=LOCAL, template={"inline": {"body": "pass{{ 'word=hunter2x' }}"}})
        )
        stage.secrets.put("s", u=server.url)
        await stage.attempt("webhook/r")
    assert server.received[0].json["data"]["body"] == "password=[REDACTED]"


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
async def test_apprise_delivers_through_its_own_library() -> None:
    async with network() as stage_of, serving() as server:
        stage = stage_of(receiver("r", "apprise"))
        stage.secrets.put("s", k=base(server).replace("http://", "json://") + "/path\n")
        attempt = await stage.attempt("apprise/r")
    assert attempt.error is None
    assert server.received[0].json["title"] == "s"


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
async def test_apprise_url_of_no_service_makes_the_receiver_invalid() -> None:
    async with network() as stage_of:
        stage = stage_of(receiver("r", "apprise"))
        stage.secrets.put("s", k="hunter2://x")
        ready = readiness(stage)
    assert ready.message == "apprise knows no service of this URL; check the key url of the Secret"


async def test_time_limit_of_the_receiver_holds_for_its_requests() -> None:
    async def silence(_request: Any) -> Any:
        await asyncio.sleep(3600)

    async with network() as stage_of, serving() as server:
        server.responses.append(silence)
        stage = stage_of(receiver("r", block=LOCAL, timeout="1s"))
        stage.secrets.put("s", u=server.url)
        attempt = await stage.attempt("webhook/r")
    assert attempt.error == "no answer within 1 s; the receiver may have accepted the message"


async def test_receivers_prepare_their_large_mails_in_one_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """The event loop is theirs together: a turn for each receiver would let all of them prepare at the same time."""
    given: list[NetworkAccess] = []

    def noted(*arguments: Any, access: NetworkAccess, **more: Any) -> Channel:
        given.append(access)
        return create_channel(*arguments, access=access, **more)

    monkeypatch.setattr(factory, "create_channel", noted)
    block = {"host": "127.0.0.1", "to": [OPS], **HERE}
    async with network() as stage_of:
        stage = stage_of(*(receiver(name, "email", block=block) for name in ("first", "second")))
        stage.secrets.put("login", username=USERNAME, password="p")
        for entry in stage.catalog.receivers.values():
            assert stage.endpoints.endpoint(entry).channel is not None, stage.readiness(entry).message
    first, second = given
    assert first.turn is second.turn


async def test_every_type_has_a_channel() -> None:
    """A type that the API has and the factory does not know would fail each of its messages."""
    async with network() as stage_of:
        for kind in ReceiverType:
            stage = stage_of(receiver("r", kind))
            stage.secrets.put("s", k="https://example.com/x", username="u", password="p")
            (entry,) = stage.catalog.receivers.values()
            if kind in SHARED:
                assert kind == "console" or "the operator has no channel" in readiness(stage).message
            elif kind != "apprise":
                assert stage.endpoints.endpoint(entry).channel is not None, readiness(stage).message


def test_every_type_that_addresses_people_has_its_field_in_the_spec() -> None:
    addressing = {kind for kind in ReceiverType if receiver("r", kind).spec.addresses_people}
    assert set(ADDRESSES) == addressing


def test_fields_of_recipients_are_those_of_the_crd() -> None:
    (version,) = notification_request()["spec"]["versions"]
    fields = version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    assert set(ADDRESSES.values()) <= set(fields["recipients"]["items"]["properties"])
