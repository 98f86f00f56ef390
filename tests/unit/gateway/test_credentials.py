"""The ways to authenticate with a source: shared secrets, their rotation, path tokens, and tokens of the cluster."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import time
from base64 import b64encode
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from standardwebhooks.webhooks import Webhook

from notification_contract.names import SOURCE_KIND
from notification_contract.sources.authentication import Hmac, HmacScheme
from notification_contract.sources.path_token import HINT, path_token
from notification_contract.sources.source import NotificationSource
from notification_gateway.authentication import failures
from notification_gateway.authentication.authenticator import matches
from notification_gateway.authentication.cluster_users import (
    FRESH_SECONDS,
    REVIEW_RATE,
    REVIEWS_AT_A_TIME,
    ClusterUsers,
    User,
)
from notification_gateway.authentication.failures import RATE
from notification_gateway.authentication.incoming import Incoming
from notification_gateway.authentication.shared_secrets import SharedSecrets
from notification_gateway.errors import Unavailable
from notification_gateway.sources import secret_values
from notification_gateway.sources.catalog import SourceKey
from notification_gateway.sources.path_tokens import PathTokens
from notification_gateway.sources.readiness import Readiness
from notification_gateway.web.hooks import SEGMENT
from tests.unit.gateway.cluster import ALLOWED, HOME, ISSUER, Cluster
from tests.unit.gateway.shipped import BEARER, KEY, Shipped, path_keys, serving
from tests.unit.operator.kube_api import refusal, until

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping
    from pathlib import Path

    from kubernetes.aio.client import ApiClient

NOW = datetime(2026, 11, 29, 8, tzinfo=UTC)
BODY = b'{"a": 1}'
DAY = 86_400
"""Seconds: a token lives as long as the longest run of the tests."""
ONE, TWO, K1, K2 = (each * 16 for each in ("1", "2", "k", "K"))
WHSEC = "whsec_" + b64encode(b"k" * 24).decode()
PRIVATE = ec.generate_private_key(ec.SECP256R1())


def incoming(headers: Mapping[str, str], *, body: bytes | None = BODY, received: datetime = NOW) -> Incoming:
    lower = {name.lower(): value for name, value in headers.items()}
    return Incoming(method="POST", headers=lower, body=body, received=received)


def signature(key: str, content: bytes) -> str:
    return hmac.new(key.encode(), content, hashlib.sha256).hexdigest()


def scheme(**fields: Any) -> Hmac:
    return Hmac.model_validate({"secretRef": {"name": "s"}, **fields})


def basic(text: str) -> dict[str, str]:
    return {"Authorization": f"Basic {b64encode(text.encode()).decode()}"}


SECRETS = SharedSecrets(
    bearers=(ONE, TWO), basics=(("user", "pass:word-of-it"),), hmac_keys=(K1, K2), path_tokens=("t" * 43,)
)


@pytest.mark.parametrize(
    ("headers", "accepted"),
    [
        ({"Authorization": f"Bearer {ONE}"}, True),
        ({"Authorization": f"bearer  {TWO}"}, True),
        ({"Authorization": "Bearer three"}, False),
        ({"Authorization": "Bearer "}, False),
        ({"Authorization": ONE}, False),
        (basic("user:pass:word-of-it"), True),
        (basic("user:"), False),
        ({"Authorization": "Basic ???"}, False),
        ({}, False),
    ],
)
def test_token_or_password_is_one_of_those_of_the_secrets(headers: dict[str, str], *, accepted: bool) -> None:
    assert (SECRETS.accepts(incoming(headers), None, "") is not None) is accepted


@pytest.mark.parametrize("length", [0, 1, 11, 12, 15, 16])
@pytest.mark.parametrize("kind", [*HmacScheme, "bearer", "basic"])
def test_secret_below_its_least_length_is_no_credential(kind: str, length: int) -> None:
    text, sent = "s" * length, str(int(NOW.timestamp()))
    value = f"whsec_{b64encode(text.encode()).decode()}" if kind == HmacScheme.STANDARD_WEBHOOKS else text
    digest = hmac.new(text.encode(), f"id.{sent}.".encode() + BODY, hashlib.sha256).digest()
    headers = basic(f"user:{text}") if kind == "basic" else {"Authorization": f"Bearer {text}"}
    headers |= {
        "X-Token": {
            "plain-token": text,
            "slack": f"v0={signature(text, f'v0:{sent}:'.encode() + BODY)}",
            "pagerduty": f"v1={signature(text, BODY)}",
        }.get(kind, f"sha256={signature(text, BODY)}"),
        "X-Slack-Request-Timestamp": sent,
        "webhook-id": "id",
        "webhook-timestamp": sent,
        "webhook-signature": f"v1,{b64encode(digest).decode()}",
    }
    is_signature = kind in set(HmacScheme)
    secrets = SharedSecrets(
        bearers=(value,) if kind == "bearer" else (),
        basics=(("user", value),) if kind == "basic" else (),
        hmac_keys=(value,) if is_signature else (),
    )
    header = {} if kind == HmacScheme.STANDARD_WEBHOOKS else {"header": "X-Token"}
    settings = scheme(scheme=kind, **header) if is_signature else None
    least = 12 if kind == "basic" else 16
    assert (secrets.accepts(incoming(headers), settings, "") is not None) is (length >= least)


def test_placeholder_of_an_example_is_no_credential() -> None:
    value = "REPLACE-ME-" * 2
    secrets = SharedSecrets(bearers=(value,), basics=(("user", value),), hmac_keys=(value,), path_tokens=())
    signed = scheme(header="X-Token")
    assert secrets.accepts(incoming({"Authorization": f"Bearer {value}"}), None, "") is None
    assert secrets.accepts(incoming(basic(f"user:{value}")), None, "") is None
    assert secrets.accepts(incoming({"X-Token": f"sha256={signature(value, BODY)}"}), signed, "") is None


def test_path_token_is_compared_as_a_whole() -> None:
    assert SECRETS.accepts(incoming({}), None, "t" * 43) is not None
    assert SECRETS.accepts(incoming({}), None, "t" * 42) is None


@pytest.mark.parametrize("prefix", ["", "sha256="])
@pytest.mark.parametrize("key", [K1, K2])
def test_signature_of_the_body_is_that_of_github(prefix: str, key: str) -> None:
    headers = {"X-Hub-Signature-256": prefix + signature(key, BODY)}
    assert SECRETS.accepts(incoming(headers), scheme(), "") is not None
    assert SECRETS.accepts(incoming(headers, body=BODY + b" "), scheme(), "") is None
    assert SECRETS.accepts(incoming(headers, body=None), scheme(), "") is None


@pytest.mark.parametrize(("age", "accepted"), [(0, True), (299, True), (301, False), (-301, False)])
def test_signature_with_a_time_is_accepted_near_that_time(age: int, *, accepted: bool) -> None:
    sent = str(int(NOW.timestamp()) - age)
    settings = scheme(header="X-Signature", timestampHeader="X-Time")
    headers = {"X-Time": sent, "X-Signature": signature(K1, f"{sent}:".encode() + BODY)}
    wrong = headers | {"X-Signature": signature("k3" * 8, f"{sent}:".encode() + BODY)}
    assert SECRETS.accepts(incoming(wrong), settings, "") is None
    with nullcontext() if accepted else pytest.raises(Unavailable):
        assert SECRETS.accepts(incoming(headers), settings, "") is not None


@pytest.mark.parametrize("sent", ["", "soon", "1e9", "\u0661", "9" * 40])
def test_time_that_is_none_is_refused(sent: str) -> None:
    settings = scheme(header="X-Signature", timestampHeader="X-Time")
    headers = {"X-Time": sent, "X-Signature": signature(K1, f"{sent}:".encode() + BODY)}
    assert SECRETS.accepts(incoming(headers), settings, "") is None


SENT = str(int(NOW.timestamp()))
SLACK = {
    "X-Slack-Request-Timestamp": SENT,
    "X-Slack-Signature": f"v0={signature(K1, f'v0:{SENT}:'.encode() + BODY)}",
}
PAGERDUTY = {"X-PagerDuty-Signature": f"v1={'0' * 64},v1={signature(K2, BODY)}"}
DIGEST = hashlib.sha256(BODY).hexdigest()


@pytest.mark.parametrize(
    ("kind", "headers", "covered"),
    [
        ("slack", SLACK, (SENT, DIGEST)),
        ("slack", SLACK | {"X-Slack-Request-Timestamp": str(int(SENT) - 1)}, None),
        ("slack", SLACK | {"X-Slack-Signature": f"v0={signature(K1, BODY)}"}, None),
        ("slack", SLACK | {"X-Slack-Signature": SLACK["X-Slack-Signature"].removeprefix("v0=")}, None),
        ("slack", {}, None),
        ("pagerduty", PAGERDUTY, ("", DIGEST)),
        ("pagerduty", {"X-PagerDuty-Signature": f"v1={signature(K1, BODY)}"}, ("", DIGEST)),
        ("pagerduty", {"X-PagerDuty-Signature": f"v2={signature(K1, BODY)}"}, None),
        ("pagerduty", {"X-PagerDuty-Signature": f"v1={signature('x' * 16, BODY)}"}, None),
        ("pagerduty", {}, None),
    ],
)
def test_signature_of_a_scheme_tells_messages_apart_by_what_it_covers(
    kind: str, headers: dict[str, str], covered: tuple[str, ...] | None
) -> None:
    assert SECRETS.accepts(incoming(headers), scheme(scheme=kind), "") == covered
    assert SECRETS.accepts(incoming(headers, body=BODY + b" "), scheme(scheme=kind), "") is None


def test_late_signature_of_slack_is_refused_until_the_clock_is_set() -> None:
    with pytest.raises(Unavailable):
        SECRETS.accepts(incoming(SLACK, received=NOW + timedelta(minutes=6)), scheme(scheme="slack"), "")


def test_plain_token_in_a_header_is_that_of_gitlab() -> None:
    settings = scheme(scheme="plain-token", header="X-Gitlab-Token")
    assert SECRETS.accepts(incoming({"X-Gitlab-Token": K2}), settings, "") is not None
    assert SECRETS.accepts(incoming({"X-Gitlab-Token": "k3"}), settings, "") is None


def standard_headers() -> dict[str, str]:
    now = datetime.now(UTC)
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": f"v1,AAAA {Webhook(WHSEC).sign('msg_1', now, BODY.decode())}",
    }


def test_signature_of_standard_webhooks_is_that_of_its_library() -> None:
    secrets = SharedSecrets(hmac_keys=("no base64!", WHSEC))
    now, headers = datetime.now(UTC), standard_headers()
    settings = scheme(scheme="standard-webhooks")
    assert secrets.accepts(incoming(headers, received=now), settings, "") is not None
    with pytest.raises(Unavailable):
        secrets.accepts(incoming(headers, received=now + timedelta(minutes=6)), settings, "")
    for changed in ({"webhook-id": "msg_2"}, {"webhook-id": ""}, {"webhook-signature": "v2,AAAA"}):
        assert secrets.accepts(incoming(headers | changed, received=now), settings, "") is None


def test_nothing_secret_is_in_a_representation() -> None:
    shown = repr(SECRETS) + repr(incoming({"Authorization": f"Bearer {ONE}"}))
    assert not any(each in shown for each in (ONE, "pass", K1, "ttt"))


@pytest.mark.parametrize(
    ("subject", "pattern", "accepted"),
    [
        ("repo:acme/shop:ref:refs/heads/main", "repo:acme/shop:*", True),
        ("repo:acme/shop:x", "repo:acme/*:x", True),
        ("xrepo:acme/shop:x", "repo:acme/shop:*", False),
        ("repo:acme/shop", "repo:acme/sho?", False),
        ("repo:acme/shop", "repo:acme/[s]hop", False),
        ("a[s]?", "a[s]?", True),
        ("Repo", "repo", False),
    ],
)
def test_pattern_of_a_subject_is_anchored_and_has_only_stars(
    subject: str, pattern: str, *, accepted: bool
) -> None:
    assert matches(subject, pattern) is accepted


async def test_rotated_secret_refuses_neither_the_old_nor_the_new_value(
    gateway: Shipped, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secret_values, "LEAST_SECONDS", 0.0)
    gateway.cluster.secret(token="next-of-a-sender")
    for token in ("s3cret-of-a-sender", "next-of-a-sender") * 2:
        assert (await gateway.send(headers={"Authorization": f"Bearer {token}"})).status == 202


async def test_replaced_secret_is_refused_once_the_source_names_another(gateway: Shipped) -> None:
    gateway.cluster.secret("next", token="next-of-a-sender")
    gateway.cluster.source(auth={"bearerSecretRef": {"name": "next"}})
    await until(lambda: gateway.app.sources.readiness(SourceKey(HOME, "alerts")) == Readiness())
    statuses = [
        (await gateway.send(headers={"Authorization": f"Bearer {token}"})).status
        for token in ("next-of-a-sender", "s3cret-of-a-sender")
    ]
    assert statuses == [202, 401]


async def test_change_of_a_secret_is_noticed_by_the_first_message_with_it(
    cluster: Cluster, client: ApiClient
) -> None:
    now, key = 0.0, secret_values.SecretKey(HOME, "hook")
    values = secret_values.SecretValues(client, seconds=lambda: now)
    values.use([key])
    cluster.secret(token="old")
    await values.refresh([key])
    cluster.secret(token="new")
    now = 59.0
    assert values.values(key, "token") == ("old",), "no read has shown the change"
    await values.refresh([key])
    now = 118.0
    assert values.values(key, "token") == ("new", "old")
    now = 119.0
    assert values.values(key, "token") == ("new",)


async def test_rotated_secret_is_accepted_right_after_a_stranger_has_guessed(gateway: Shipped) -> None:
    for number in range(5):
        assert (await gateway.send(headers={"Authorization": "Bearer guess"})).status == 401
        gateway.cluster.secret(token=f"next-of-a-sender-{number}")
        assert (
            await gateway.send(headers={"Authorization": f"Bearer next-of-a-sender-{number}"})
        ).status == 202


async def test_rotated_secret_is_accepted_during_a_read_that_began_before(gateway: Shipped) -> None:
    begun, rotated = asyncio.Event(), asyncio.Event()

    async def hold(path: str) -> None:
        if path.endswith("/secrets/hook") and not begun.is_set():
            begun.set()
            await rotated.wait()

    gateway.cluster.holds = hold
    guess = asyncio.create_task(gateway.send(headers={"Authorization": "Bearer guess"}))
    await begun.wait()
    gateway.cluster.secret(token="next-of-a-sender")
    right = asyncio.create_task(gateway.send(headers={"Authorization": "Bearer next-of-a-sender"}))
    await asyncio.sleep(0.01)
    rotated.set()
    assert ((await guess).status, (await right).status) == (401, 202)


@pytest.mark.parametrize("status", [500, 429])
async def test_rotated_secret_is_unavailable_while_it_cannot_be_read(gateway: Shipped, status: int) -> None:
    gateway.cluster.secret(token="next-of-a-sender")
    gateway.cluster.fails = lambda _method, path, _body: (
        refusal(status, "away") if "/secrets/" in path else None
    )
    right = {"Authorization": "Bearer next-of-a-sender"}
    assert (await gateway.send(headers=right)).status == 503
    assert (await gateway.send()).status == 202, "the value that is known serves on"
    gateway.cluster.fails = lambda _method, _path, _body: None
    assert (await gateway.send(headers=right)).status == 202


async def test_reads_of_a_secret_are_few_however_many_strangers_guess(gateway: Shipped) -> None:
    def reads() -> int:
        return sum(path.endswith("/secrets/hook") for _, path, _ in gateway.cluster.requests)

    loop, before = asyncio.get_running_loop(), reads()
    began = loop.time()
    guesses = (gateway.send(headers={"Authorization": f"Bearer {number}"}) for number in range(200))
    assert {each.status for each in await asyncio.gather(*guesses)} == {401}
    assert reads() - before <= (loop.time() - began) / secret_values.LEAST_SECONDS + 1


async def test_reads_of_secrets_take_turns_by_namespace(cluster: Cluster, client: ApiClient) -> None:
    permits, values = asyncio.Semaphore(0), secret_values.SecretValues(client, seconds=time.monotonic)
    cluster.holds = lambda _path: permits.acquire()
    many = [secret_values.SecretKey("flood", f"s{number}") for number in range(20)]
    single = secret_values.SecretKey("shop", "hook")
    reads = [asyncio.create_task(values.refresh(keys)) for keys in (many, [single])]
    await until(lambda: len(cluster.requests) == secret_values.CONCURRENT)
    for _ in range(2):
        permits.release()
    await until(lambda: single.path in [path for _, path, _ in cluster.requests])
    for _ in many:
        permits.release()
    await asyncio.gather(*reads)


@pytest.mark.parametrize("name", ["alerts", "unknown"])
async def test_guesses_are_slowed_and_the_right_token_is_not(
    gateway: Shipped, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failures, "RATE", replace(RATE, per_second=0.5))
    wrong = {"Authorization": "Bearer guess"}
    guesses = {
        asyncio.create_task(gateway.send(f"/hook/{name}", headers=wrong)) for _ in range(RATE.burst + 1)
    }
    slow = set(guesses)
    while len(slow) > 1:
        _, slow = await asyncio.wait(slow, return_when=asyncio.FIRST_COMPLETED)
    assert {(await each).status for each in guesses - slow} == {401}
    assert (await gateway.send()).status == 202
    (waiting,) = slow
    assert not waiting.done()
    waiting.cancel()


async def test_two_secrets_at_once_are_accepted(cluster: Cluster) -> None:
    cluster.secret(token="s3cret-of-a-sender")
    cluster.secret("other", token="second-of-a-sender")
    refs = {"bearerSecretRef": {"name": "hook"}, "bearerSecretRefs": [{"name": "other"}]}
    cluster.source(auth=refs)
    async with serving(cluster) as gateway:
        for token in ("s3cret-of-a-sender", "second-of-a-sender"):
            assert (await gateway.send(headers={"Authorization": f"Bearer {token}"})).status == 202


async def test_secret_that_vanishes_serves_on_for_a_while(
    gateway: Shipped, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway.cluster.remove("secrets", HOME, "hook")
    monkeypatch.setattr(secret_values, "LEAST_SECONDS", 0.0)
    assert (await gateway.send(headers={"Authorization": "Bearer wrong"})).status == 401
    assert (await gateway.send()).status == 202


@pytest.mark.parametrize(
    ("labels", "type_", "more"),
    [
        ({}, "Opaque", ""),
        ({"kubernaut.ai/sources": "false"}, "Opaque", ""),
        (None, "kubernetes.io/service-account-token", ""),
        (None, "Opaque", "x" * secret_values.MAX_VALUES),
    ],
)
async def test_secret_that_is_large_or_its_owner_did_not_grant_is_not_used(
    cluster: Cluster, labels: dict[str, str] | None, type_: str, more: str
) -> None:
    cluster.secret(labels=labels, token="s3cret-of-a-sender", more=more)
    cluster.put("secrets", HOME, "hook", type=type_)
    cluster.source()
    async with serving(cluster) as gateway:
        assert (await gateway.send()).status == 401
        await until(lambda: "status" in (cluster.named("notificationsources", "alerts") or {}))
    source = cluster.named("notificationsources", "alerts")
    assert source is not None
    (ready,) = source["status"]["conditions"]
    assert (ready["status"], ready["reason"]) == ("False", "NotAllowed")


async def test_path_token_is_computed_and_accepted_in_the_url(
    cluster: Cluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = path_keys(cluster, tmp_path)
    uid = cluster.source(auth={"path": True})["metadata"]["uid"]
    token = path_token(KEY.encode(), uid)
    assert SEGMENT.fullmatch(token)
    async with (
        serving(cluster, path_keys_directory=keys) as first,
        serving(cluster, path_keys_directory=keys, replica="gateway-1") as second,
    ):
        for replica in (first, second):
            assert (await replica.send(f"/hook/alerts/{token}", headers={})).status == 202
            assert (await replica.send(f"/hook/{HOME}/alerts/{token}", headers={})).status == 202
            assert (await replica.send("/hook/alerts", headers={})).status == 401
            assert (await replica.send(f"/hook/alerts/{'x' * 43}", headers={})).status == 401
        page = await first.app.health._page.text()  # noqa: SLF001 - what /metrics shows
        status = str(cluster.named("notificationsources", "alerts"))
        assert token not in capsys.readouterr().out + page.decode() + status
    assert cluster.posts("secrets") == 0


async def test_rotated_path_key_is_accepted_until_it_is_removed(client: ApiClient, tmp_path: Path) -> None:
    cluster, old, new = Cluster(), "o" * 32, "n" * 32
    document = cluster.source(auth={"path": True})
    source = NotificationSource.parse({"kind": SOURCE_KIND, **document})
    tokens = PathTokens(tmp_path, secret_values.SecretValues(client, seconds=time.monotonic))
    assert (tokens.of(source), tokens.problem) == ((), f"there is no key to compute the URL with; {HINT}")
    for keys in ((old, ""), (new, old), (new, "")):
        path_keys(cluster, tmp_path, *keys)
        assert tokens.read()
        expected = [path_token(key.encode(), source.uid) for key in keys if key]
        assert list(tokens.of(source)) == expected
    assert not tokens.read()


async def test_source_without_a_path_key_says_which_secret_is_missing(
    cluster: Cluster, tmp_path: Path
) -> None:
    cluster.source(auth={"path": True})
    path_keys(cluster, tmp_path, key="k" * 31)
    async with serving(cluster, path_keys_directory=str(tmp_path)) as gateway:
        short = path_token(b"k" * 31, "uid")
        assert (await gateway.send(f"/hook/alerts/{short}", headers={})).status == 401
        await until(lambda: "status" in (cluster.named("notificationsources", "alerts") or {}))
    source = cluster.named("notificationsources", "alerts")
    assert source is not None
    (ready,) = source["status"]["conditions"]
    assert (ready["reason"], ready["message"].count(HINT)) == ("SecretNotFound", 1)


@pytest.mark.parametrize(("is_owned", "status"), [(True, 202), (False, 401)])
async def test_stored_path_token_counts_if_the_source_owns_its_secret(
    cluster: Cluster, tmp_path: Path, *, is_owned: bool, status: int
) -> None:
    token, keys = "x" * 43, path_keys(cluster, tmp_path)
    uid = cluster.source(auth={"path": True})["metadata"]["uid"]
    cluster.secret("alerts-path", token=token)
    meta = {"labels": ALLOWED, "ownerReferences": [{"uid": uid if is_owned else "another"}]}
    cluster.put("secrets", HOME, "alerts-path", meta=meta)
    async with serving(cluster, path_keys_directory=keys) as gateway:
        assert (await gateway.send(f"/hook/alerts/{token}", headers={})).status == status


async def test_stored_path_token_that_may_not_be_read_refuses_no_computed_one(
    cluster: Cluster, tmp_path: Path
) -> None:
    keys = path_keys(cluster, tmp_path)
    uid = cluster.source(auth={"path": True})["metadata"]["uid"]
    cluster.fails = lambda _method, path, _body: (
        refusal(403, "forbidden") if path.endswith("/alerts-path") else None
    )
    async with serving(cluster, path_keys_directory=keys) as gateway:
        token = path_token(KEY.encode(), uid)
        assert (await gateway.send(f"/hook/alerts/{token}", headers={})).status == 202
        assert (await gateway.send("/hook/alerts/unknown", headers={})).status == 401


def account_token(**claims: Any) -> str:
    """Return a token that looks like one of a ServiceAccount; the review of the small API server decides."""
    known = {"iss": ISSUER, "exp": time.time() + DAY, "aud": ["notifications"]}
    return jwt.encode({**known, **claims}, PRIVATE, algorithm="ES256")


async def test_service_account_with_the_permission_is_accepted(cluster: Cluster) -> None:
    cluster.source(auth={"kubernetes": {}})
    user, token = "system:serviceaccount:shop:ci", account_token(n=1)
    cluster.users[token, "notifications"] = user
    async with serving(cluster) as gateway:
        headers = {"Authorization": f"Bearer {token}"}
        assert (await gateway.send(headers=headers)).status == 401
    cluster.permissions.add((user, "create", HOME))
    async with serving(cluster) as gateway:
        assert (await gateway.send(headers=headers)).status == 202
        reviews = cluster.posts("reviews")
        assert (await gateway.send(headers=headers)).status == 202
        assert cluster.posts("reviews") == reviews, "an answer counts for a moment"


@pytest.mark.parametrize(
    ("audience", "user"),
    [
        (["notifications", "https://kubernetes.default.svc"], "system:serviceaccount:shop:ci"),
        (["other"], "system:serviceaccount:shop:ci"),
        ("notifications", "alice"),
    ],
)
async def test_token_for_others_too_or_of_a_person_is_refused(
    cluster: Cluster, audience: Any, user: str
) -> None:
    cluster.source(auth={"kubernetes": {}})
    token = account_token(aud=audience)
    cluster.users[token, "notifications"] = user
    cluster.permissions.add((user, "create", HOME))
    async with serving(cluster) as gateway:
        assert (await gateway.send(headers={"Authorization": f"Bearer {token}"})).status == 401


async def test_review_without_an_answer_makes_the_sender_come_again(cluster: Cluster) -> None:
    cluster.source(auth={"kubernetes": {}})
    cluster.fails = lambda _method, path, _body: refusal(500, "away") if "tokenreviews" in path else None
    async with serving(cluster) as gateway:
        headers = {"Authorization": f"Bearer {account_token()}"}
        assert (await gateway.send(headers=headers)).status == 503
        assert (await gateway.send(headers=BEARER)).status == 401


@pytest.mark.parametrize("claims", [{"iss": "https://other.example"}, {"exp": 1}, {"exp": None}])
async def test_token_that_the_cluster_cannot_accept_is_not_reviewed(
    cluster: Cluster, client: ApiClient, claims: dict[str, Any]
) -> None:
    users = ClusterUsers(client, clock=lambda: datetime.now(UTC), seconds=time.monotonic)
    assert await users.user_of(account_token(**claims), "notifications") is None
    assert cluster.posts("tokenreviews") == 0


def forged(users: ClusterUsers, number: int) -> list[Coroutine[None, None, User | None]]:
    tokens = (account_token(n=[number, each]) for each in range(500))
    return [users.user_of(token, "notifications") for token in tokens]


async def test_forged_tokens_are_reviewed_within_a_budget(cluster: Cluster, client: ApiClient) -> None:
    now = 1000.0
    users = ClusterUsers(client, clock=lambda: datetime.now(UTC), seconds=lambda: now)
    right = account_token()
    cluster.users[right, "notifications"] = "system:serviceaccount:shop:ci"
    assert await users.user_of(right, "notifications") is not None
    for reviewed in (1 + REVIEWS_AT_A_TIME, 1 + 2 * REVIEWS_AT_A_TIME, REVIEW_RATE.burst):
        answers = await asyncio.gather(*forged(users, reviewed), return_exceptions=True)
        assert {type(each) for each in answers} == {type(None), Unavailable}
        assert cluster.posts("tokenreviews") == reviewed
    now += FRESH_SECONDS + 1
    asked = *forged(users, 0), users.user_of(right, "notifications")
    *_, known = await asyncio.gather(*asked, return_exceptions=True)
    assert isinstance(known, User), "a token that was accepted is reviewed outside of the budget"
