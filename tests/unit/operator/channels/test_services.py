"""The payloads of each service, within its limits, and the errors that it reports in its own way."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import orjson
import pytest
from aiohttp import web
from jsonschema import Draft202012Validator

from notification_contract.kinds.choices import LifecycleEvent
from notification_domain.rendering.pieces import units
from notification_domain.rendering.segments import count
from notification_runtime.channels.pagerduty import MAX_EVENT, dedup_key
from notification_runtime.channels.teams import MAX_CARD
from notification_runtime.delivery.channel import (
    InvalidOptionsError,
    Permanent,
    ReceiverError,
    ReceiverProblem,
    Transient,
)
from notification_runtime.delivery.http import exchange
from notification_runtime.delivery.http.exchange import OutcomeUnknown
from tests.unit.operator.channels.adaptive_card_schema import SCHEMA
from tests.unit.operator.channels.receivers import (
    DELIVERY_ID,
    ROUTING_KEY,
    SERVICES,
    SID,
    TOKEN,
    access,
    base,
    composer,
    make,
    message,
)

if TYPE_CHECKING:
    import aiohttp

    from tests.unit.operator.delivery.receiving import HttpServer, Received

LINKS = (
    {"service": "grafana", "url": "https://example.com/d?a=1&b=2", "label": "Dash [1]"},
    {"service": "shell", "url": "javascript:alert(1)", "label": "Run"},
)
LONGEST: dict[str, Any] = {
    "subject": "*" * 500,
    "metadata": {f"key-{number}-" + "k" * 300: "\\*" * 3000 for number in range(40)},
    "action_links": tuple(
        {"service": "s", "url": f"https://example.com/{n}?{'q' * 1500}", "label": "L" * 500}
        for n in range(40)
    ),
}
ESCAPED: dict[str, Any] = {
    "subject": "📦" * 500,
    "metadata": {f"{number}{sign * 252}": f"{sign} " * 2000 for number in range(5) for sign in "&📦"},
    "action_links": tuple(
        {"service": "s", "url": "https://example.com", "label": "📦" * 200} for _ in "12345"
    ),
}
"""Characters that Slack may count as several, in every place."""
EVERYTHING = "# Head\n\nSome **bold**, `code` and [a link](https://example.com).\n\n- one\n- two\n\n```sh\nls\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n---\n"
MENTIONS = "@channel @here @everyone @all <!channel> <@U123> <@&456> @oncall a@b.example"


async def requests(
    name: str, server: HttpServer, session: aiohttp.ClientSession, **changes: Any
) -> list[Received]:
    if not server.responses:
        SERVICES[name].accepts(server)
    await SERVICES[name].make(server, access(session), composer()).deliver(message(**changes))
    return server.received


# Microsoft Teams


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"body": EVERYTHING, "format": "Markdown", "action_links": LINKS, "metadata": {"node": "7"}},
        {"body": "x" * 100_000},
        {"body": "後" * 50_000, **LONGEST},
        {"body": "\x01\\*_[" * 20_000, **LONGEST},
        {"body": "\\" * 30_000, "format": "Native"},
        {"body": "a\n\n" * 10_000},
        {"event": LifecycleEvent.ACKNOWLEDGE},
        {"event": LifecycleEvent.RESOLVE},
    ],
)
async def test_teams_cards_are_valid_and_within_the_limit(
    server: HttpServer, session: aiohttp.ClientSession, changes: dict[str, Any]
) -> None:
    for received in await requests("teams", server, session, **changes):
        assert received.json["type"] == "message"
        (attachment,) = received.json["attachments"]
        assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
        Draft202012Validator(SCHEMA).validate(attachment["content"])
        assert len(orjson.dumps(attachment["content"])) <= MAX_CARD


@pytest.mark.parametrize("name", ["Priority", "priority ", "TYPE"])
async def test_metadata_replaces_no_fact_of_a_teams_card(
    server: HttpServer, session: aiohttp.ClientSession, name: str
) -> None:
    (received,) = await requests("teams", server, session, metadata={name: "low"})
    (_, facts, *_) = received.json["attachments"][0]["content"]["body"]
    assert facts["facts"] == [
        {"title": "Priority", "value": "high"},
        {"title": "Type", "value": "simple"},
        {"title": f"{name} (metadata)", "value": "low"},
    ]


async def test_teams_card_shows_facts_links_and_the_origin(
    server: HttpServer, session: aiohttp.ClientSession
) -> None:
    changes = {
        "action_links": LINKS,
        "metadata": {"node": "7"},
        "subject": "Disk [full]",
        "uid": "3f0c2a1b-77",
    }
    (received,) = await requests("teams", server, session, **changes)
    card = received.json["attachments"][0]["content"]
    title, facts, *_, footer = card["body"]
    assert title["text"] == "Disk \\[full\\]"
    assert facts["facts"] == [
        {"title": "Priority", "value": "high"},
        {"title": "Type", "value": "simple"},
        {"title": "node", "value": "7"},
    ]
    assert card["actions"] == [
        {"type": "Action.OpenUrl", "title": "Dash [1]", "url": "https://example.com/d?a=1&b=2"}
    ]
    assert footer["text"] == "from shop/order-1, cluster staging · 3f0c2a1b"


async def test_teams_long_body_continues_in_a_numbered_card(
    server: HttpServer, session: aiohttp.ClientSession
) -> None:
    received = await requests("teams", server, session, body="0123456789" * 3000, subject="Log")
    cards = [each.json["attachments"][0]["content"] for each in received]
    assert [card["body"][0]["text"] for card in cards] == ["Log \\(1/2\\)", "Log \\(2/2\\)"]
    texts = [
        element["text"] for card in cards for element in card["body"][1:-1] if element["type"] == "TextBlock"
    ]
    assert "".join(texts) == "0123456789" * 3000


async def test_teams_body_beyond_two_cards_is_cut_and_says_where_the_rest_is(
    server: HttpServer, session: aiohttp.ClientSession
) -> None:
    _, last = await requests("teams", server, session, body="0123456789" * 5000)
    *_, cut, _ = last.json["attachments"][0]["content"]["body"]
    assert cut["text"] == (
        "… truncated; read the whole with kubectl get notificationrequest -n shop order-1 -o yaml"
    )


@pytest.mark.parametrize("host", ["contoso.webhook.office.com", "CONTOSO.webhook.office.com"])
async def test_teams_retired_connector_is_refused(session: aiohttp.ClientSession, host: str) -> None:
    with pytest.raises(InvalidOptionsError, match="create a workflow"):
        make("teams", {"urlSecretRef": f"https://{host}/webhookb2/x"}, access(session))


# PagerDuty


async def test_pagerduty_event_has_the_fields_of_the_api(
    server: HttpServer, session: aiohttp.ClientSession
) -> None:
    (received,) = await requests(
        "pagerduty",
        server,
        session,
        labels={"kubernaut.ai/component": "db"},
        metadata={"node": "7"},
        action_links=LINKS,
        body="**full**",
        format="Markdown",
    )
    assert received.path == "/v2/enqueue"
    assert received.json == {
        "routing_key": ROUTING_KEY,
        "event_action": "trigger",
        "dedup_key": "shop/order-1/uid",
        "client": "from shop/order-1, cluster staging",
        "links": [{"href": "https://example.com/d?a=1&b=2", "text": "Dash [1]"}],
        "payload": {
            "summary": "Заказ 📦",
            "source": "shop/order-1",
            "severity": "error",
            "timestamp": "2026-01-02T03:04:05.000000Z",
            "component": "db",
            "group": "shop",
            "class": "simple",
            "custom_details": {
                "body": "full",
                "metadata": {"node": "7"},
                "cluster": "staging",
                "deliveryId": DELIVERY_ID,
            },
        },
    }


@pytest.mark.parametrize(
    ("event", "action"), [(LifecycleEvent.ACKNOWLEDGE, "acknowledge"), (LifecycleEvent.RESOLVE, "resolve")]
)
async def test_pagerduty_incident_is_acknowledged_and_resolved_by_its_key(
    server: HttpServer, session: aiohttp.ClientSession, event: LifecycleEvent, action: str
) -> None:
    (received,) = await requests("pagerduty", server, session, event=event, dedup_key="disk")
    assert received.json == {"routing_key": ROUTING_KEY, "event_action": action, "dedup_key": "disk"}


async def test_pagerduty_event_that_is_too_large_says_what_it_omits(
    server: HttpServer, session: aiohttp.ClientSession
) -> None:
    SERVICES["pagerduty"].accepts(server)
    channel = SERVICES["pagerduty"].make(server, access(session), composer())
    receipt = await channel.deliver(message(body="x" * 600_000, subject="s" * 500))
    assert receipt is not None
    assert "512,000 bytes" in receipt.note
    assert "512,000 bytes" in server.received[0].json["payload"]["custom_details"]["body"]
    assert len(server.received[0].body) <= MAX_EVENT


async def test_pagerduty_error_of_the_event_is_permanent_and_quoted(
    server: HttpServer, session: aiohttp.ClientSession
) -> None:
    server.add_response(400, '{"status":"invalid event","errors":["\'payload.severity\' is invalid"]}')
    with pytest.raises(Permanent, match=r"HTTP 400: 'payload.severity' is invalid"):
        await requests("pagerduty", server, session)


def test_pagerduty_key_is_within_its_limit() -> None:
    assert dedup_key(message(name="n" * 253, namespace="x" * 63, uid="u-1"), own=True).endswith("/u-1")
    assert len(dedup_key(message(name="n" * 253, namespace="x" * 63), own=True)) == 255
    assert dedup_key(message(dedup_key="d" * 255), own=True) == "d" * 255


@pytest.mark.parametrize("key", ["d", "shop/d", "d" * 250, "d" * 251, "d" * 255])
def test_pagerduty_key_of_another_namespace_begins_with_it(key: str) -> None:
    foreign = dedup_key(message(namespace="bank", dedup_key=key), own=False)
    assert foreign.startswith("bank/")
    assert len(foreign) <= 255
    assert foreign == dedup_key(message(namespace="bank", dedup_key=key, uid="other"), own=False)
    assert foreign != dedup_key(message(namespace="bank", dedup_key=f"{key[:-1]}e"), own=False)


@pytest.mark.parametrize(
    ("sent", "fields", "key"),
    [
        ("shop disk", {}, "disk"),
        ("shop bank/disk", {}, "shop/bank/disk"),
        ("bank disk", {}, "bank/disk"),
        ("bank disk", {"sharedKeys": True}, "disk"),
        ("shop bank/disk", {"sharedKeys": True}, "bank/disk"),
    ],
)
async def test_pagerduty_incidents_of_other_namespaces_are_kept_apart(
    server: HttpServer, session: aiohttp.ClientSession, sent: str, fields: dict[str, Any], key: str
) -> None:
    SERVICES["pagerduty"].accepts(server)
    block = {"routingKeySecretRef": ROUTING_KEY}
    channel = make("pagerduty", block, access(session), baseUrl=base(server), **fields)
    namespace, written = sent.split()
    receipt = await channel.deliver(
        message(namespace=namespace, dedup_key=written, event=LifecycleEvent.RESOLVE)
    )
    assert (server.received[0].json["dedup_key"], receipt.message_ref) == (key, key)


# SMS


def sms(server: HttpServer, session: aiohttp.ClientSession, **fields: Any) -> Any:
    limits = {key: fields.pop(key) for key in ("timeout",) if key in fields}
    values = {"authSecretRef/username": "SK01", "authSecretRef/password": "sms-password"}
    usual = {"accountSid": SID, "from": "+15550199", "baseUrl": base(server)}
    return make("sms", values, access(session, **limits), **{**usual, **fields})


@pytest.mark.parametrize(
    "body", ["on node-7", "x" * 5000, "Диск " * 300, "📦" * 300, "[]{}" * 300, "“quoted” text…"]
)
async def test_sms_is_a_form_of_at_most_three_segments(
    server: HttpServer, session: aiohttp.ClientSession, body: str
) -> None:
    (received,) = await requests("sms", server, session, subject="Disk full", body=body)
    assert received.path == f"/2010-04-01/Accounts/{SID}/Messages.json"
    assert received.headers["Authorization"].startswith("Basic ")
    form = {key: values[0] for key, values in parse_qs(received.body.decode()).items()}
    assert (form["To"], form["From"]) == ("+15550100", "+15550199")
    assert count(form["Body"]) <= 3
    assert form["Body"].startswith("Disk full\n")
    assert form["Body"].endswith("\nfrom shop/order-1, cluster staging")


async def test_sms_goes_to_the_address_of_the_message_by_a_messaging_service(
    server: HttpServer, session: aiohttp.ClientSession
) -> None:
    SERVICES["sms"].accepts(server)
    receipt = await sms(server, session, **{"from": "", "messagingServiceSid": "MG01"}).deliver(
        message(address="+1999")
    )
    form = parse_qs(server.received[0].body.decode())
    assert (form["To"], form["MessagingServiceSid"], "From" in form) == (["+1999"], ["MG01"], False)
    assert receipt.message_ref == "SM0123456789abcdef0123456789abcdef"


async def test_sms_unknown_outcome_is_repeated_once_where_the_receiver_wants_it(
    server: HttpServer, session: aiohttp.ClientSession
) -> None:
    server.add_response(201, "x")
    channel = sms(server, session, unknownOutcome="Retry", timeout=0.2)

    async def hang_up(request: Any) -> Any:
        request.transport.abort()

    server.responses[:] = [hang_up]
    with pytest.raises(Transient):
        await channel.deliver(message(attempt=1))
    with pytest.raises(Permanent, match="may have got the message already"):
        await channel.deliver(message(attempt=2))


async def test_sms_without_number_is_refused(server: HttpServer, session: aiohttp.ClientSession) -> None:
    with pytest.raises(Permanent, match="no number to send to"):
        await sms(server, session).deliver(message(address=""))


# Slack


def slack(server: HttpServer, session: aiohttp.ClientSession, **fields: Any) -> Any:
    usual = {"channel": "C0123", "baseUrl": base(server)}
    return make("slack", {"botTokenSecretRef": TOKEN}, access(session), **{**usual, **fields})


async def test_slack_message_has_header_body_fields_buttons_and_origin(
    server: HttpServer, session: aiohttp.ClientSession
) -> None:
    (received,) = await requests(
        "slack-bot", server, session, body="a & b", metadata={"node": "<7>"}, action_links=LINKS
    )
    assert received.path == "/api/chat.postMessage"
    assert received.headers["Authorization"] == f"Bearer {TOKEN}"
    payload = received.json
    assert (payload["channel"], payload["link_names"], payload["parse"]) == ("C0123", False, "none")
    assert payload["metadata"] == {
        "event_type": "notification",
        "event_payload": {"delivery_id": DELIVERY_ID, "part": 1},
    }
    header, body, fields, buttons, context = payload["blocks"]
    assert header["text"]["text"] == "Заказ 📦"
    assert body["text"] == {"type": "mrkdwn", "text": "a &amp; b", "verbatim": True}
    assert fields["fields"][0]["text"] == "*node*\n&lt;7&gt;"
    assert [(button["text"]["text"], button["url"]) for button in buttons["elements"]] == [
        ("Dash [1]", "https://example.com/d?a=1&b=2")
    ]
    assert (
        context["elements"][0]["text"] == "Priority: high | Type: simple | from shop/order-1, cluster staging"
    )


async def test_slack_receipt_starts_a_thread(server: HttpServer, session: aiohttp.ClientSession) -> None:
    SERVICES["slack-bot"].accepts(server)
    receipt = await slack(server, session).deliver(message())
    assert receipt.message_ref == "C0123/1716969600.000100"
    await slack(server, session).deliver(message(thread_ref=receipt.message_ref))
    assert "thread_ts" not in server.received[0].json
    assert server.received[1].json["thread_ts"] == "1716969600.000100"


@pytest.mark.parametrize("around", [LONGEST, ESCAPED], ids=["long", "escaped"])
@pytest.mark.parametrize(
    "body",
    ["word " * 30_000, "&" * 40_000, "📦" * 30_000, "```\n" + "code\n" * 8000 + "```"],
    ids=["words", "escaped", "pairs", "code"],
)
async def test_slack_long_message_is_two_within_the_limits_and_says_the_rest(
    server: HttpServer, session: aiohttp.ClientSession, body: str, around: dict[str, Any]
) -> None:
    received = await requests("slack-bot", server, session, body=body, format="Markdown", **around)
    assert len(received) == 2
    for each in received:
        blocks = each.json["blocks"]
        texts = [block["text"]["text"] for block in blocks if block["type"] == "section" and "text" in block]
        assert len(blocks) <= 50
        assert max(len(text.encode("utf-16-le")) // 2 for text in texts) <= 3000
        assert sum(map(units, _shown(blocks))) <= 11_000
        assert sum(text.count("```") for text in texts) % 2 == 0
        assert all(len(field["text"]) <= 2000 for block in blocks for field in block.get("fields", ()))
    assert texts[-1].endswith("… truncated, see kubectl get notif -n shop order-1")


@pytest.mark.parametrize("name", ["slack-bot", "slack-webhook"])
@pytest.mark.parametrize(
    ("changes", "posts"),
    [
        ({"body": "x" * 9_500}, 1),
        ({"body": "x" * 10_100}, 2),
        ({"body": "x" * 2_500, **ESCAPED}, 1),
        ({"body": "x" * 9_500, **ESCAPED}, 2),
        ({"body": "x" * 9_500, **LONGEST}, 2),
    ],
)
async def test_slack_body_has_the_room_that_metadata_and_links_leave(
    server: HttpServer, session: aiohttp.ClientSession, name: str, changes: dict[str, Any], posts: int
) -> None:
    received = await requests(name, server, session, **changes)
    channel = SERVICES[name].make(server, access(session), composer())
    assert len(received) == channel.messages_of(message(**changes)) == posts
    sections = [block for each in received for block in each.json["blocks"] if block["type"] == "section"]
    assert "".join(block["text"]["text"] for block in sections if "text" in block) == changes["body"]


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("msg_too_long", Permanent),
        ("invalid_blocks", Permanent),
        ("something_new", Permanent),
        ("ratelimited", Transient),
        ("internal_error", Transient),
        ("invalid_auth", ReceiverError),
        ("token_revoked", ReceiverError),
        ("account_inactive", ReceiverError),
        ("missing_scope", ReceiverError),
        ("not_in_channel", ReceiverError),
        ("channel_not_found", ReceiverError),
        ("is_archived", ReceiverError),
    ],
)
async def test_slack_error_means_what_it_says(
    server: HttpServer, session: aiohttp.ClientSession, error: str, kind: type[Exception]
) -> None:
    server.add_response(200, orjson.dumps({"ok": False, "error": error}))
    with pytest.raises(kind, match=f"Slack answered {error}"):
        await slack(server, session).deliver(message())


async def test_slack_answer_of_another_server_is_no_success(
    server: HttpServer, session: aiohttp.ClientSession
) -> None:
    server.add_response(200, "<html>Sign in</html>")
    with pytest.raises(Permanent, match="not one of Slack"):
        await slack(server, session).deliver(message())


async def test_slack_answer_that_stalls_is_an_unknown_outcome(
    server: HttpServer, session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = asyncio.Event()

    async def stall(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b'{"ok":true,"channel":"C0123","ts":"1716969600.000100","message":{')
        await release.wait()
        return response

    monkeypatch.setattr(exchange, "BODY_SECONDS", 0.1)
    server.responses.append(stall)
    with pytest.raises(OutcomeUnknown, match="Slack may have accepted the message"):
        await slack(server, session).deliver(message())
    release.set()


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ("not_in_channel", ReceiverProblem.MISCONFIGURED),
        ("channel_not_found", ReceiverProblem.NOT_FOUND),
        ("is_archived", ReceiverProblem.GONE),
    ],
)
async def test_slack_channel_that_takes_no_post_is_a_problem_of_the_receiver(
    server: HttpServer, session: aiohttp.ClientSession, error: str, reason: ReceiverProblem
) -> None:
    server.add_response(200, orjson.dumps({"ok": False, "error": error}))
    with pytest.raises(ReceiverError) as caught:
        await slack(server, session).deliver(message())
    assert caught.value.reason is reason


# Discord and Mattermost


@pytest.mark.parametrize(
    "changes", [{}, {"body": "x" * 100_000, **LONGEST}, {"body": "@_*" * 5000, **LONGEST}]
)
async def test_discord_embeds_are_within_the_limits(
    server: HttpServer, session: aiohttp.ClientSession, changes: dict[str, Any]
) -> None:
    for received in await requests("discord", server, session, **changes):
        assert received.path.endswith("?wait=true")
        (embed,) = received.json["embeds"]
        fields = [text for each in embed["fields"] for text in (each["name"], each["value"])]
        texts = [embed["title"], embed["description"], embed["footer"]["text"], *fields]
        assert len(embed["title"]) <= 256
        assert len(embed["description"]) <= 4096
        assert len(embed["fields"]) <= 25
        assert all(
            0 < len(each["name"]) <= 256 and 0 < len(each["value"]) <= 1024 for each in embed["fields"]
        )
        assert sum(map(len, texts)) <= 6000
        assert embed["footer"]["text"] == "high · from shop/order-1, cluster staging · uid"


@pytest.mark.parametrize(
    "changes", [{}, {"body": "x" * 100_000, **LONGEST}, {"body": "@_*" * 9000, **LONGEST}]
)
async def test_mattermost_posts_are_within_the_limit(
    server: HttpServer, session: aiohttp.ClientSession, changes: dict[str, Any]
) -> None:
    for received in await requests("mattermost", server, session, **changes):
        assert received.json["channel"] == "town-square"
        assert len(received.json["text"]) <= 16_383
    assert received.json["text"].endswith("`high` from shop/order\\-1, cluster staging")


@pytest.mark.parametrize("form", ["Plain", "Markdown", "Native"])
async def test_mention_alerts_nobody(server: HttpServer, session: aiohttp.ClientSession, form: str) -> None:
    changes = {
        "subject": MENTIONS,
        "body": f"{MENTIONS}\n\n`{MENTIONS}`",
        "format": form,
        "metadata": {"a": MENTIONS},
    }
    (discord,) = [*await requests("discord", server, session, **changes)]
    assert discord.json["allowed_mentions"] == {"parse": []}
    for name in ("slack-bot", "mattermost"):
        server.received.clear()
        server.responses.clear()
        (received,) = await requests(name, server, session, **changes)
        text = "".join(_texts(received.json))
        for mention in ("@channel", "@here", "@all", "@everyone", "@oncall", "<!channel>", "<@U123>"):
            assert mention not in text
        assert "a@b.example" in text


async def test_mention_stays_where_the_receiver_accepts_it(
    server: HttpServer, session: aiohttp.ClientSession
) -> None:
    SERVICES["slack-bot"].accepts(server)
    await slack(server, session, mentions=True).deliver(message(body="<!channel> @here", format="Native"))
    assert server.received[0].json["blocks"][1]["text"]["text"] == "<!channel> @here"
    discord = make("discord", {"urlSecretRef": server.url}, access(session), mentions=True)
    await discord.deliver(message(body="@here"))
    assert "allowed_mentions" not in server.received[1].json
    mattermost = make(
        "mattermost", {"urlSecretRef": server.url}, access(session), mentions=True, username="bot"
    )
    await mattermost.deliver(message(body="@here"))
    assert server.received[2].json["username"] == "bot"
    assert "@here" in server.received[2].json["text"]


def _shown(blocks: list[dict[str, Any]]) -> list[str]:
    """Return the texts of the blocks of Slack, without their types and addresses."""
    parts = [
        part for block in blocks for part in (block, *block.get("fields", ()), *block.get("elements", ()))
    ]
    texts = [part.get("text", "") for part in parts]
    return [text if isinstance(text, str) else text["text"] for text in texts]


def _texts(value: Any) -> list[str]:
    """Return every text that a payload shows; code shows no mention."""
    match value:
        case dict():
            return [text for part in value.values() for text in _texts(part)]
        case list():
            return [text for part in value for text in _texts(part)]
        case str():
            return [value]
        case _:
            return []
