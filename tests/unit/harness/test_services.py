"""The services of the sink: the operator's own channels are accepted and refused as by the real ones."""

from __future__ import annotations

import asyncio
import base64
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from notification_contract.kinds.choices import LifecycleEvent
from notification_runtime.delivery.channel import Permanent, ReceiverError, ReceiverProblem, Transient
from notification_runtime.delivery.http.egress_guard import guarded_session
from tests.harness.counterparts import Account
from tests.harness.receiver_types import TYPES
from tests.harness.sink.services import mattermost, slack
from tests.unit.operator.channels.receivers import LOOPBACK, SID, access, make, message

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from notification_runtime.delivery.channel import Channel
    from notification_runtime.delivery.http.exchange import NetworkAccess
    from tests.unit.harness.conftest import RunningSink

CREDENTIAL = "R0123456789ABCDEF0123456789ABCDE"
"""Has the 32 characters of a routing key."""
WRONG = "W0123456789ABCDEF0123456789ABCDE"
CHANNELS: dict[str, Callable[[str, str, NetworkAccess], Channel]] = {}


def channel(kind: str) -> Callable[[Callable[[str, str, Any], Any]], Callable[[str, str, Any], Any]]:
    def register(make: Callable[[str, str, Any], Any]) -> Callable[[str, str, Any], Any]:
        CHANNELS[kind] = make
        return make

    return register


@channel("webhook")
def _webhook(url: str, credential: str, way: NetworkAccess) -> Channel:
    values = {"urlSecretRef": f"{url}/webhook", "headersSecretRef/Authorization": credential}
    return make("webhook", values, way)


@channel("slack")
def _slack(url: str, credential: str, way: NetworkAccess) -> Channel:
    return make("slack", {"botTokenSecretRef": credential}, way, channel="C0123", baseUrl=url)


@channel("pagerduty")
def _pagerduty(url: str, credential: str, way: NetworkAccess) -> Channel:
    return make("pagerduty", {"routingKeySecretRef": credential}, way, baseUrl=url)


@channel("sms")
def _sms(url: str, credential: str, way: NetworkAccess) -> Channel:
    values = {"authSecretRef/username": "SK0123456789", "authSecretRef/password": credential}
    return make("sms", values, way, accountSid=SID, baseUrl=url, **{"from": "+15550199"})


@channel("teams")
def _teams(url: str, credential: str, way: NetworkAccess) -> Channel:
    workflow = f"{url}/workflows/abc/triggers/manual/paths/invoke?sig={credential}"
    return make("teams", {"urlSecretRef": workflow}, way)


@channel("discord")
def _discord(url: str, credential: str, way: NetworkAccess) -> Channel:
    return make("discord", {"urlSecretRef": f"{url}/api/webhooks/778899/{credential}"}, way)


@channel("mattermost")
def _mattermost(url: str, credential: str, way: NetworkAccess) -> Channel:
    return make("mattermost", {"urlSecretRef": f"{url}/hooks/{credential}"}, way)


@dataclass(frozen=True, kw_only=True)
class Counterpart:
    """An account of the running sink, and the way of a channel to it."""

    account: Account
    url: str
    access: NetworkAccess

    async def set(self, **change: Any) -> None:
        for name, value in change.items():
            arguments = value if isinstance(value, list) else [value]
            await asyncio.to_thread(getattr(self.account, name), *arguments)

    async def hits(self) -> list[dict[str, Any]]:
        return await asyncio.to_thread(self.account.hits)

    async def deliver(self, kind: str, credential: str = CREDENTIAL, **changes: Any) -> Any:
        return await CHANNELS[kind](self.url, credential, self.access).deliver(message(**changes))


@pytest.fixture
async def counterpart(sink: RunningSink) -> AsyncIterator[Counterpart]:
    account = Account(base=sink.base, name=f"a-{uuid.uuid4().hex[:8]}")
    async with guarded_session(LOOPBACK, connections=10) as session:
        yield Counterpart(account=account, url=f"{sink.base}/at/{account.name}", access=access(session))


@pytest.mark.parametrize("kind", CHANNELS)
async def test_message_with_the_right_credential_is_accepted(counterpart: Counterpart, kind: str) -> None:
    await counterpart.set(expect=CREDENTIAL)
    await counterpart.deliver(kind)
    (hit,) = await counterpart.hits()
    assert (hit["kind"], hit["completed"], hit["client"]) == (kind, True, "")
    assert hit["code"] == {"pagerduty": 202, "teams": 202, "sms": 201}.get(kind, 200)


@pytest.mark.parametrize("kind", [kind for kind in CHANNELS if kind != "mattermost"])
async def test_wrong_credential_is_refused_as_the_service_does(counterpart: Counterpart, kind: str) -> None:
    await counterpart.set(expect=CREDENTIAL)
    with pytest.raises(ReceiverError) as caught:
        await counterpart.deliver(kind, WRONG)
    assert caught.value.reason is ReceiverProblem.AUTHENTICATION_FAILED
    # A credential that is changed at the service is one that it refuses.
    await counterpart.set(expect=WRONG)
    await counterpart.deliver(kind, WRONG)


@pytest.mark.parametrize("kind", CHANNELS)
async def test_scripted_outcomes_are_what_the_stack_tests_expect(counterpart: Counterpart, kind: str) -> None:
    tested = TYPES[kind]
    await asyncio.to_thread(tested.script, counterpart.account, "refused")
    with pytest.raises(Permanent):
        await counterpart.deliver(kind)
    await asyncio.to_thread(tested.script, counterpart.account, "trouble", "accepted")
    with pytest.raises(Transient):
        await counterpart.deliver(kind)
    await counterpart.deliver(kind, attempt=2)
    arrivals = await asyncio.to_thread(tested.arrivals, counterpart.account)
    assert len(arrivals) == 3
    assert len({arrival.handle for arrival in arrivals}) == 1
    assert arrivals[0].handle
    assert all("order-1" in arrival.text.replace("\\", "") for arrival in arrivals)


async def test_references_are_those_of_the_service(counterpart: Counterpart) -> None:
    assert (await counterpart.deliver("slack")).message_ref == "C0123/1716969600.000100"
    assert (await counterpart.deliver("discord")).message_ref == "1122334455667788990"
    assert (await counterpart.deliver("sms")).message_ref.startswith("SM")
    assert (await counterpart.deliver("pagerduty", dedup_key="disk")).message_ref == "disk"


async def test_pagerduty_keeps_the_state_of_each_incident(counterpart: Counterpart) -> None:
    async def told(*events: str, key: str = "disk") -> str | None:
        for event in events:
            await counterpart.deliver("pagerduty", dedup_key=key, event=LifecycleEvent(event))
        return (await asyncio.to_thread(counterpart.account.incidents)).get(key)

    assert await told("Acknowledge", "Resolve") is None
    assert await told("Trigger") == "triggered"
    assert await told("Acknowledge", "Trigger") == "acknowledged"
    assert await told("Trigger", key="network") == "triggered"
    assert await told("Resolve", "Acknowledge") == "resolved"
    assert await told("Trigger") == "triggered"
    await counterpart.set(answer=[{"code": 503}])
    with pytest.raises(Transient):
        await told("Resolve")
    assert await told() == "triggered"


async def test_script_comes_before_the_service_and_its_last_answer_repeats(counterpart: Counterpart) -> None:
    await counterpart.set(answer=[{"code": 503}, slack.refused("msg_too_long"), {}])
    with pytest.raises(Transient, match="503"):
        await counterpart.deliver("slack")
    with pytest.raises(Permanent, match="msg_too_long"):
        await counterpart.deliver("slack")
    for _ in range(2):
        await counterpart.deliver("slack")
    assert [hit["code"] for hit in await counterpart.hits()] == [503, 200, 200, 200]


async def test_accounts_have_their_own_answers_and_hits(counterpart: Counterpart, sink: RunningSink) -> None:
    other = Account(base=sink.base, name="another")
    await counterpart.set(answer=[{"code": 500}])
    await CHANNELS["discord"](f"{sink.base}/at/another", CREDENTIAL, counterpart.access).deliver(message())
    assert len(await asyncio.to_thread(other.hits)) == 1
    assert await counterpart.hits() == []


@pytest.mark.parametrize(
    ("path", "body", "status", "text"),
    [
        ("/services/T012/B345/wrong", b'{"text":"x"}', 403, "invalid_token"),
        (f"/services/T012/B345/{CREDENTIAL}", b"{", 400, "invalid_payload"),
        (f"/services/T012/B345/{CREDENTIAL}", b'{"channel":"c"}', 400, "no_text"),
        (f"/services/T012/B345/{CREDENTIAL}", b'{"text":"x"}', 200, "ok"),
        ("/api/chat.postMessage", b'{"channel":"c"}', 200, "not_authed"),
        ("/v2/enqueue", b'{"routing_key":"short"}', 400, "should be 32 characters"),
        (
            "/v2/enqueue",
            b'{"routing_key":"%s","event_action":"trigger","payload":{"summary":"s","source":"s","severity":"bad"}}'
            % CREDENTIAL.encode(),
            400,
            "payload.severity",
        ),
        (
            "/v2/enqueue",
            b'{"routing_key":"%s","event_action":"resolve"}' % CREDENTIAL.encode(),
            400,
            "'dedup_key' is missing",
        ),
        ("/2010-04-01/Accounts/AC1/Messages.json", b"To=%2B15550100", 401, "20003"),
        (f"/workflows/abc/triggers/manual/paths/invoke?sig={CREDENTIAL}", b"{}", 400, "InputSchemaMismatch"),
        (
            f"/workflows/abc/triggers/manual/paths/invoke?sig={CREDENTIAL}",
            b"x" * 30_000,
            413,
            "RequestEntityTooLarge",
        ),
        (f"/api/webhooks/778899/{CREDENTIAL}", b"{}", 400, "50006"),
        (f"/api/webhooks/778899/{CREDENTIAL}", b'{"content":"x"}', 204, ""),
        ("/hooks/wrong", b'{"text":"x"}', 400, "web.incoming_webhook.invalid.app_error"),
        (f"/hooks/{CREDENTIAL}", b"{}", 400, "No text specified"),
    ],
)
async def test_invalid_request_is_refused_in_the_words_of_the_service(
    counterpart: Counterpart, path: str, body: bytes, status: int, text: str
) -> None:
    await counterpart.set(expect=CREDENTIAL)
    async with (await counterpart.access.session()).post(f"{counterpart.url}{path}", data=body) as answer:
        assert (answer.status, text in await answer.text()) == (status, True)


async def test_text_message_is_checked_like_a_form(counterpart: Counterpart) -> None:
    await counterpart.set(expect=CREDENTIAL)
    basic = base64.b64encode(f"user:{CREDENTIAL}".encode()).decode()
    results = {}
    for form in ("To=nobody", "To=%2B15550100", "To=%2B15550100&From=x", "To=%2B15550100&From=x&Body=y"):
        async with (await counterpart.access.session()).post(
            f"{counterpart.url}/2010-04-01/Accounts/AC1/Messages.json",
            data=form,
            headers={"Authorization": f"Basic {basic}"},
        ) as answer:
            results[form] = (answer.status, (await answer.json()).get("code"))
    assert list(results.values()) == [(400, 21211), (400, 21603), (400, 21602), (201, None)]


async def test_invalid_change_of_an_account_is_rejected(sink: RunningSink) -> None:
    async with sink.session.put(
        f"{sink.base}/accounts/a", json={"replies": {"RCPT": ["nonsense"]}}
    ) as answer:
        assert answer.status == 400
        assert "should match pattern" in await answer.text()


def test_missing_webhook_of_mattermost_has_the_status_of_the_real_one() -> None:
    assert mattermost.INVALID.status == 400
