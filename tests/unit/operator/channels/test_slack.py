"""Slack: the posted payloads, which show the text of a notification and nothing that its author makes up."""

import asyncio
import html
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from notification_contract.settings import Channels
from notification_domain.flow_control.breaker import Limits
from notification_domain.model import Content
from notification_domain.planning.plan import Send
from notification_operator.endpoints.builder import channels
from notification_runtime.channels.slack_webhook import SlackWebhookChannel
from notification_runtime.delivery.channel import Transient
from notification_runtime.rendering.slack_text import (
    MAX_BLOCKS,
    MAX_HEADER,
    MAX_SECTION,
    Source,
    escape,
    payloads,
    pieces,
)
from tests.unit.operator.channels.test_channels import message
from tests.unit.operator.delivery.receiving import HttpServer
from tests.unit.operator.endpoints.calls import endpoints_of, make_attempt


@pytest.fixture
async def slack(server: HttpServer) -> AsyncIterator[SlackWebhookChannel]:
    channel = SlackWebhookChannel.of_settings(server.url, connections=10)
    yield channel
    await channel.close()


def content(subject: str = "Disk full", body: str = "on node-7", priority: str = "high") -> Content:
    return Content(type="escalation", priority=priority, subject=subject, body=body)


def payloads_of(content: Content, *, trusted: bool = False) -> list[dict[str, Any]]:
    return payloads(content, Source(namespace="shop", name="order-1"), trusted=trusted)


def texts(parts: list[dict[str, Any]], kind: str) -> list[str]:
    return [block["text"]["text"] for part in parts for block in part["blocks"] if block["type"] == kind]


async def test_notification_is_one_post_of_header_section_and_context(
    server: HttpServer, slack: SlackWebhookChannel
) -> None:
    await slack.deliver(message(subject="Заказ 📦", body="*bold* <script>&amp; `rm`\n"))
    (post,) = server.received
    assert post.headers["Content-Type"] == "application/json"
    assert post.headers["Idempotency-Key"] == "uid:file:1"
    assert post.json == {
        "text": "⚠️ Заказ 📦",
        "blocks": [
            {"type": "header", "text": {"type": "plain_text", "text": "⚠️ Заказ 📦", "emoji": False}},
            {
                "type": "section",
                "text": {
                    "type": "mrkdwn",
                    "text": "*bold* &lt;script&gt;&amp;amp; `rm`\n",
                    "verbatim": True,
                },
            },
            {
                "type": "context",
                "elements": [
                    {"type": "mrkdwn", "text": "*Priority:* high | *Type:* simple"},
                    {"type": "plain_text", "text": "from shop/order-1", "emoji": False},
                ],
            },
        ],
    }


@pytest.mark.parametrize(
    ("priority", "emoji"),
    [("critical", "🚨"), ("high", "⚠️"), ("medium", "ℹ️"), ("low", "💬"), ("someday", "📢")],  # noqa: RUF001 - the emoji of Slack
)
def test_header_starts_with_the_emoji_of_its_priority(priority: str, emoji: str) -> None:
    assert texts(list(payloads_of(content(priority=priority))), "header") == [f"{emoji} Disk full"]


def test_long_subject_is_split_over_valid_headers() -> None:
    (part,) = payloads_of(content(subject="x" * 500))
    headers = texts([part], "header")
    assert "".join(headers) == "⚠️ " + "x" * 500
    assert max(map(len, headers)) <= MAX_HEADER
    assert part["text"] == "⚠️ " + "x" * 500


@pytest.mark.parametrize("length", [1, 3000, 3001, 11_400, 12_200, 130_000])
def test_long_body_is_split_over_valid_sections_of_one_post(length: int) -> None:
    body = ("All work and no play makes a dull notification, again. " * 3000)[:length]
    (part,) = payloads_of(content(body=body))
    sections = texts([part], "section")
    assert "".join(sections) == body
    assert max(map(len, sections)) <= MAX_SECTION
    assert len(part["blocks"]) <= MAX_BLOCKS


async def test_body_of_256_kib_is_two_posts_with_their_own_keys(
    server: HttpServer, slack: SlackWebhookChannel
) -> None:
    body = "0123456789abcdef" * 16 * 1024
    await slack.deliver(message(body=body))
    parts = [post.json for post in server.received]
    assert "".join(texts(parts, "section")) == body
    assert [len(part["blocks"]) for part in parts] == [50, 41]
    assert texts(parts, "header") == ["⚠️ Заказ 📦"]
    keys = [post.headers["Idempotency-Key"] for post in server.received]
    assert keys == ["uid:file:1", "uid:file:1:2"]


async def test_failed_part_stops_the_parts_after_it(server: HttpServer, slack: SlackWebhookChannel) -> None:
    server.add_response(200)
    server.add_response(503, "busy")
    with pytest.raises(Transient, match="HTTP 503: busy"):
        await slack.deliver(message(body="x" * 400_000))
    assert len(server.received) == 2


@pytest.mark.parametrize(
    "attack",
    [
        "<!channel>",
        "<@U024BE7LH>",
        "<!subteam^S1|admins>",
        "<https://evil.example|https://good.example>",
        "&lt;!here&gt;",
    ],
)
def test_author_can_make_no_mention_and_no_link_with_another_text(attack: str) -> None:
    (part,) = payloads_of(content(subject=attack, body=attack))
    (section,) = [block["text"] for block in part["blocks"] if block["type"] == "section"]
    for text in (part["text"], section["text"]):
        assert not set("<>") & set(text)
        assert html.unescape(text).endswith(attack)
    assert section["verbatim"] is True
    assert {block["text"]["type"] for block in part["blocks"] if block["type"] == "header"} == {"plain_text"}


def test_trusted_markup_reaches_slack_as_written() -> None:
    (part,) = payloads_of(content(subject="a & b", body="<!channel> & more"), trusted=True)
    assert (part["text"], texts([part], "section")) == ("⚠️ a & b", ["<!channel> & more"])
    assert "verbatim" not in part["blocks"][1]["text"]


def test_every_message_says_which_notification_it_is_from() -> None:
    forged = "from other/name"
    parts = payloads_of(content(subject=forged, body=forged + "x" * 200_000))
    assert len(parts) == 2
    for part in parts:
        *_, context = part["blocks"]
        assert [element["text"] for element in context["elements"]][1] == "from shop/order-1"
        assert [block["type"] for block in part["blocks"]].count("context") == 1


async def test_message_names_the_cluster_of_the_settings(server: HttpServer) -> None:
    settings = Channels.model_validate({"slack": {"enabled": True, "webhook_url": server.url}})
    slack = channels(settings, cluster="prod")["slack"]
    await slack.deliver(message())
    await slack.close()
    *_, context = server.received[0].json["blocks"]
    assert context["elements"][1]["text"] == "from shop/order-1, cluster prod"


def test_text_beyond_two_messages_is_cut_and_says_where_the_rest_is() -> None:
    parts = payloads_of(content(body="line\n" * 100_000))
    assert [len(part["blocks"]) for part in parts] == [MAX_BLOCKS, MAX_BLOCKS]
    *_, last = texts(parts, "section")
    assert last == (
        "… truncated; read the whole with `kubectl get notificationrequest -n shop order-1 -o yaml`"
    )


@given(st.text(alphabet="&<>ab \n", max_size=300), st.integers(6, 40))
def test_pieces_cut_no_escape_sequence(text: str, limit: int) -> None:
    result = list(pieces(escape(text), limit, entities=True))
    assert "".join(html.unescape(piece) for piece in result) == text
    assert all(len(piece) <= limit for piece in result)


async def test_second_part_counts_against_the_rate(slack: SlackWebhookChannel) -> None:
    assert (slack.messages_of(message(body="short")), slack.messages_of(message(body="x" * 200_000))) == (
        1,
        2,
    )


def test_piece_ends_after_a_line_or_a_word_near_its_end() -> None:
    lines = "a" * 80 + "\n" + "b b" * 10 + "c" * 60
    assert list(pieces(lines, 100)) == ["a" * 80 + "\n", "b b" * 10 + "c" * 60]
    words = "a" * 80 + " " + "b" * 60
    assert list(pieces(words, 100)) == ["a" * 80 + " ", "b" * 60]
    assert list(pieces("a " + "b" * 120, 100)) == ["a " + "b" * 98, "b" * 22]


@given(st.text(max_size=400), st.integers(2, 40))
def test_pieces_join_to_the_text_and_stay_within_the_limit(text: str, limit: int) -> None:
    result = list(pieces(text, limit))
    assert "".join(result) == text
    assert all(0 < len(piece.encode("utf-16-le", "surrogatepass")) // 2 <= limit for piece in result)


async def test_wait_for_a_connection_does_not_count_as_attempt_time(server: HttpServer) -> None:
    async def slowly(_request: web.Request) -> web.Response:
        await asyncio.sleep(0.1)
        return web.Response()

    server.responses.append(slowly)
    slack = SlackWebhookChannel.of_settings(server.url, connections=2)
    endpoints = endpoints_of({"slack": slack}, limits=Limits(), timeout=0.3)
    sends = [Send(channel="slack", number=1, id=f"uid-{number}:slack:1") for number in range(10)]
    attempts = await asyncio.gather(*(make_attempt(endpoints, send, message()) for send in sends))
    await slack.close()
    assert {attempt.error for attempt in attempts} == {None}


async def test_messages_share_connections_until_close(server: HttpServer) -> None:
    slack = SlackWebhookChannel.of_settings(server.url, connections=2)
    endpoints = endpoints_of({"slack": slack}, limits=Limits())
    sends = [Send(channel="slack", number=1, id=f"uid-{number}:slack:1") for number in range(10)]
    await asyncio.gather(*(make_attempt(endpoints, send, message()) for send in sends))
    assert len(server.received) == 10
    assert server.open_connections == 2
    await slack.close()
    await server.until_all_are_closed()
