"""Tokens of OpenID Connect providers: which are accepted, how often a provider is asked, and what an outage leads to."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import time
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from notification_contract.kinds.receiver import ReceiverSpec
from notification_contract.settings.gateway import Gateway
from notification_contract.settings.receivers import Receivers
from notification_gateway.app import provider_policy
from notification_gateway.authentication import oidc
from notification_gateway.authentication.oidc import OidcTokens
from notification_gateway.errors import Unavailable
from notification_runtime.channel_factory import receiver_policy
from notification_runtime.delivery.http.egress_policy import AddressNotAllowedError, EgressPolicy
from notification_runtime.delivery.http.name_resolver import NameResolver
from tests.unit.gateway.shipped import LOOPBACK
from tests.unit.loopback import listening

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PUBLIC = EgressPolicy(insecure=True)
LOCAL = EgressPolicy(allowed_networks=(ip_network("127.0.0.0/8"),), insecure=True)
RSA = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
EC = ec.generate_private_key(ec.SECP256R1())
ED = ed25519.Ed25519PrivateKey.generate()
AUDIENCE = "notifications"


class Provider:
    """A provider, its keys, and a clock for the gateway."""

    def __init__(self) -> None:
        self.issuer = ""
        self.names: str | None = None
        """The issuer that the discovery document names, in place of the real one."""
        self.keys: list[dict[str, Any]] = [
            {**RSAAlgorithm.to_jwk(RSA.public_key(), as_dict=True), "kid": "rsa", "use": "sig"},
            {**ECAlgorithm.to_jwk(EC.public_key(), as_dict=True), "kid": "ec", "alg": "ES256"},
            {**OKPAlgorithm.to_jwk(ED.public_key(), as_dict=True), "kid": "ed"},
        ]
        self.status = 200
        self.requests: list[str] = []
        self.now = 1000.0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request.path)
        if self.status != 200:
            return web.Response(status=self.status)
        if request.path == "/.well-known/openid-configuration":
            return web.json_response({"issuer": self.names or self.issuer, "jwks_uri": f"{self.issuer}/keys"})
        return web.json_response({"keys": self.keys})

    def token(self, key: Any = RSA, algorithm: str = "RS256", kid: str = "rsa", **claims: Any) -> str:
        content = {"iss": self.issuer, "aud": AUDIENCE, "sub": "ci", "exp": time.time() + 60, **claims}
        present = {name: value for name, value in content.items() if value is not None}
        return jwt.encode(present, key, algorithm=algorithm, headers={"kid": kid})


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    served = Provider()
    async with listening(served.handle) as served.issuer:
        yield served


@contextlib.asynccontextmanager
async def tokens_of(provider: Provider, *, strangers: str = "") -> AsyncIterator[OidcTokens]:
    """Yield the tokens of providers in the local network, in which those of one namespace must not be."""
    tokens = OidcTokens(
        lambda namespace: PUBLIC if namespace and namespace == strangers else LOCAL,
        seconds=lambda: provider.now,
    )
    try:
        yield tokens
    finally:
        await tokens.close()


async def subject(
    tokens: OidcTokens, provider: Provider, token: str, *, namespace: str = "shop"
) -> str | None:
    return await tokens.subject_of(token, issuer=provider.issuer, audience=AUDIENCE, namespace=namespace)


@pytest.mark.parametrize(
    ("key", "algorithm", "kid"),
    [(RSA, "RS256", "rsa"), (RSA, "PS256", "rsa"), (EC, "ES256", "ec"), (ED, "EdDSA", "ed")],
)
async def test_token_of_the_provider_has_its_subject(
    provider: Provider, key: Any, algorithm: str, kid: str
) -> None:
    async with tokens_of(provider) as tokens:
        token = provider.token(key, algorithm, kid)
        assert await subject(tokens, provider, token) == "ci"
        assert await subject(tokens, provider, provider.token(key, algorithm, kid, sub="other")) == "other"
    assert provider.requests == ["/.well-known/openid-configuration", "/keys"]


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "other"},
        {"aud": [AUDIENCE, "other"]},
        {"aud": [AUDIENCE, "other"], "azp": "other"},
        {"iss": "https://other.example"},
        {"exp": time.time() - 120},
        {"nbf": time.time() + 3600},
        {"exp": None},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
    ],
)
async def test_token_with_wrong_claims_is_refused(provider: Provider, claims: dict[str, Any]) -> None:
    async with tokens_of(provider) as tokens:
        assert await subject(tokens, provider, provider.token(**claims)) is None


async def test_token_of_several_audiences_is_accepted_from_its_authorized_party(provider: Provider) -> None:
    async with tokens_of(provider) as tokens:
        token = provider.token(aud=[AUDIENCE, "other"], azp=AUDIENCE)
        assert await subject(tokens, provider, token) == "ci"


async def test_token_of_a_clock_that_is_a_little_behind_is_accepted(provider: Provider) -> None:
    async with tokens_of(provider) as tokens:
        assert await subject(tokens, provider, provider.token(exp=time.time() - 30)) == "ci"


async def test_token_signed_with_the_public_key_as_secret_is_refused(provider: Provider) -> None:
    async with tokens_of(provider) as tokens:
        for token in (
            provider.token("x" * 32, "HS256"),
            provider.token("", "none"),
            provider.token(EC, "ES256", "rsa"),
            provider.token(rsa.generate_private_key(public_exponent=65_537, key_size=2048)),
            "a.b.c",
            "",
            "x" * 20_000,
        ):
            assert await subject(tokens, provider, token) is None


async def test_unknown_key_asks_the_provider_once_in_30_seconds(provider: Provider) -> None:
    async with tokens_of(provider) as tokens:
        assert await subject(tokens, provider, provider.token()) == "ci"
        for _ in range(5):
            assert await subject(tokens, provider, provider.token(EC, "ES256", "new")) is None
        assert len(provider.requests) == 2
        provider.keys.append({**ECAlgorithm.to_jwk(EC.public_key(), as_dict=True), "kid": "new"})
        provider.now += 31
        assert await subject(tokens, provider, provider.token(EC, "ES256", "new")) == "ci"
        assert len(provider.requests) == 4


async def test_new_key_is_unavailable_while_the_keys_cannot_be_read(provider: Provider) -> None:
    async with tokens_of(provider) as tokens:
        assert await subject(tokens, provider, provider.token()) == "ci"
        provider.keys.append({**ECAlgorithm.to_jwk(EC.public_key(), as_dict=True), "kid": "new"})
        provider.status, provider.now = 500, provider.now + 31
        for _ in range(2):
            with pytest.raises(Unavailable):
                await subject(tokens, provider, provider.token(EC, "ES256", "new"))
        assert await subject(tokens, provider, provider.token()) == "ci"
        provider.status, provider.now = 200, provider.now + 31
        assert await subject(tokens, provider, provider.token(EC, "ES256", "new")) == "ci"


async def test_removed_key_is_forgotten_within_an_hour(provider: Provider) -> None:
    async with tokens_of(provider) as tokens:
        assert await subject(tokens, provider, provider.token()) == "ci"
        provider.keys = provider.keys[1:]
        provider.now += oidc.FRESH_SECONDS + 1
        assert await subject(tokens, provider, provider.token()) is None


async def test_provider_without_an_answer_makes_the_sender_come_again(provider: Provider) -> None:
    async with tokens_of(provider) as tokens:
        provider.status = 500
        with pytest.raises(Unavailable):
            await subject(tokens, provider, provider.token())
        provider.status, provider.now = 200, provider.now + 31
        assert await subject(tokens, provider, provider.token()) == "ci"
        provider.status, provider.now = 500, provider.now + oidc.FRESH_SECONDS + 1
        assert await subject(tokens, provider, provider.token()) == "ci", "the last known keys serve on"


async def test_provider_in_a_private_network_is_not_asked_for_another_namespace(provider: Provider) -> None:
    async with tokens_of(provider, strangers="shop") as tokens:
        assert await subject(tokens, provider, provider.token(), namespace="home") == "ci"
        provider.requests.clear()
        with pytest.raises(Unavailable):
            await subject(tokens, provider, provider.token())
    assert provider.requests == []


EGRESS: Any = {
    "denied_networks": ("8.8.8.0/24",),
    "allowed_hosts": ("example.com", "1.1.1.1", "8.8.8.8", "10.20.0.1", "10.30.0.1", "169.254.169.254"),
}
WEBHOOK = ReceiverSpec.model_validate(
    {"type": "webhook", "webhook": {"urlSecretRef": {"name": "s", "key": "u"}}}
)
PROGRAMS = {
    "receiver": receiver_policy(Receivers(**EGRESS), WEBHOOK),
    **{
        program: provider_policy(Gateway(**EGRESS, allowed_networks=("10.20.0.0/16",)), "home", namespace)
        for program, namespace in (("platform", ""), ("home", "home"), ("tenant", "shop"))
    },
}


@pytest.mark.parametrize(
    ("url", "programs"),
    [
        ("https://hooks.example.com", {"receiver", "platform", "home", "tenant"}),
        ("https://1.1.1.1", {"receiver", "platform", "home", "tenant"}),
        ("https://10.20.0.1", {"platform", "home"}),
        ("https://10.30.0.1", set()),
        ("https://9.9.9.9", set()),
        ("https://8.8.8.8", set()),
        ("https://169.254.169.254", set()),
        ("http://example.com", set()),
    ],
)
def test_address_is_permitted_to_the_same_programs_by_one_policy(url: str, programs: set[str]) -> None:
    permitted = set()
    for program, policy in PROGRAMS.items():
        with contextlib.suppress(AddressNotAllowedError):
            policy.check_url(url)
            permitted.add(program)
    assert permitted == programs


class Hanging:
    """Resolves one name; of every other one, the name server never answers."""

    async def resolve(self, host: str, port: int = 0, family: int = socket.AF_INET) -> list[dict[str, Any]]:
        if host != "good.test":
            await asyncio.sleep(60)
        return [{"hostname": host, "host": LOOPBACK, "port": port, "family": family, "proto": 0, "flags": 0}]

    async def close(self) -> None:
        pass


async def attack(tokens: OidcTokens, issuers: list[str]) -> list[asyncio.Task[Any]]:
    """Send forged tokens of issuers that a tenant has named; return when each has arrived."""
    content = {"aud": AUDIENCE, "sub": "ci", "exp": time.time() + 60}
    tasks = []
    for each in issuers:
        token = jwt.encode({**content, "iss": each}, ED, algorithm="EdDSA", headers={"kid": "x"})
        asked = tokens.subject_of(token, issuer=each, audience=AUDIENCE, namespace="evil")
        tasks.append(asyncio.create_task(asked))
    await asyncio.sleep(0.05)
    return tasks


@pytest.mark.parametrize("what", ["provider", "name server"])
async def test_providers_that_hang_delay_no_other_namespace(provider: Provider, what: str) -> None:
    asked: list[str] = []

    async def hang(request: web.Request) -> web.Response:
        asked.append(request.path)
        await asyncio.sleep(60)
        return web.Response()

    tokens = OidcTokens(
        lambda _namespace: LOCAL,
        resolver=NameResolver(Hanging),  # type: ignore[arg-type]
        seconds=lambda: provider.now,
    )
    port = provider.issuer.rpartition(":")[2]
    async with listening(hang) as url:
        hosts = {"provider": f"{url}/{{}}", "name server": f"http://evil-{{}}.test:{port}"}
        attackers = await attack(tokens, [hosts[what].format(number) for number in range(50)])
        assert len(asked) == (oidc.READS if what == "provider" else 0)
        provider.issuer = f"http://good.test:{port}"
        async with asyncio.timeout(oidc.REQUEST_SECONDS / 2):
            assert await subject(tokens, provider, provider.token(), namespace="shop") == "ci"
        assert not any(each.done() for each in attackers)
        for each in attackers:
            each.cancel()
        await asyncio.gather(*attackers, return_exceptions=True)
        await tokens.close()


async def test_issuers_of_a_namespace_displace_its_own_keys_alone(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oidc, "MOST_BYTES", 10 * oidc.PROVIDER_BYTES)
    async with tokens_of(provider) as tokens, listening(provider.handle) as url:
        for namespace in ("", "shop"):
            assert await subject(tokens, provider, provider.token(), namespace=namespace) == "ci"
        known = len(provider.requests)
        many = [f"{url}/{number}" for number in range(24)]
        refused = await asyncio.gather(*await attack(tokens, many), return_exceptions=True)
        assert {type(each) for each in refused} == {Unavailable}
        asked = len(provider.requests)
        assert asked > known
        for namespace in ("", "shop"):
            assert await subject(tokens, provider, provider.token(), namespace=namespace) == "ci"
        assert len(provider.requests) == asked


async def test_key_keeps_what_verifies_a_signature(provider: Provider) -> None:
    provider.keys[2] |= {"x5c": ["y" * 100_000]}
    provider.keys[0] |= {"n": "y" * 100_000}
    async with tokens_of(provider) as tokens:
        assert await subject(tokens, provider, provider.token(ED, "EdDSA", "ed")) == "ci"
        assert await subject(tokens, provider, provider.token()) is None


async def test_document_that_names_another_issuer_is_not_used(provider: Provider) -> None:
    provider.names = "https://other.example"
    async with tokens_of(provider) as tokens:
        with pytest.raises(Unavailable):
            await subject(tokens, provider, provider.token())


async def test_document_that_is_too_long_or_no_json_is_not_used(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def reply(_request: web.Request) -> web.StreamResponse:
        return web.Response(text=json.dumps({"x": "y" * oidc.MAX_BYTES}))

    monkeypatch.setattr(provider, "handle", reply)
    async with listening(reply) as issuer, tokens_of(provider) as tokens:
        provider.issuer = issuer
        with pytest.raises(Unavailable):
            await subject(tokens, provider, provider.token())
