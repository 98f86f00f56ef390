"""Slack: what is posted, piece by piece, and that nothing of it is lost or changed."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from notification_operator.delivery.channel import Transient
from notification_operator.delivery.channels.slack import (
    LONGEST_HEADER,
    LONGEST_SECTION,
    MOST_BLOCKS,
    SlackChannel,
    payloads,
    pieces,
)
from notification_operator.domain.model import Content
from notification_operator.domain.plan import Send
from tests.unit.operator.delivery.receiving import HttpServer
from tests.unit.operator.delivery.test_channels import message
from tests.unit.operator.delivery.test_dispatcher import dispatcher_of


@pytest.fixture
async def slack(server: HttpServer) -> AsyncIterator[SlackChannel]:
    channel = SlackChannel(server.url, connections=10)
    yield channel
    await channel.close()


def content(subject: str = "Disk full", body: str = "on node-7", priority: str = "high") -> Content:
    return Content(type="escalation", priority=priority, subject=subject, body=body)


def texts(parts: list[dict[str, Any]], kind: str) -> list[str]:
    return [block["text"]["text"] for part in parts for block in part["blocks"] if block["type"] == kind]


async def test_a_notification_is_one_post_of_a_header_a_section_and_a_context(
    server: HttpServer, slack: SlackChannel
) -> None:
    await slack.deliver(message(subject="Заказ 📦", body="*bold* <script>&amp; `rm`\n"))
    (post,) = server.received
    assert post.headers["Content-Type"] == "application/json"
    assert post.headers["Idempotency-Key"] == "uid:file:1"
    assert post.json == {
        "text": "⚠️ Заказ 📦",
        "blocks": [
            {"type": "header", "text": {"type": "plain_text", "text": "⚠️ Заказ 📦", "emoji": False}},
            {"type": "section", "text": {"type": "mrkdwn", "text": "*bold* <script>&amp; `rm`\n"}},
            {
                "type": "context",
                "elements": [{"type": "mrkdwn", "text": "*Priority:* high | *Type:* simple"}],
            },
        ],
    }


@pytest.mark.parametrize(
    ("priority", "emoji"),
    [("critical", "🚨"), ("high", "⚠️"), ("medium", "ℹ️"), ("low", "💬"), ("someday", "📢")],  # noqa: RUF001 - the sign that is meant
)
def test_the_header_starts_with_the_sign_of_its_priority(priority: str, emoji: str) -> None:
    assert texts(list(payloads(content(priority=priority))), "header") == [f"{emoji} Disk full"]


def test_a_subject_of_500_characters_arrives_whole_in_headers_that_slack_takes() -> None:
    (part,) = payloads(content(subject="x" * 500))
    headers = texts([part], "header")
    assert "".join(headers) == "⚠️ " + "x" * 500
    assert max(map(len, headers)) <= LONGEST_HEADER
    assert part["text"] == "⚠️ " + "x" * 500


@pytest.mark.parametrize("length", [1, 3000, 3001, 11_400, 12_200, 130_000])
def test_a_long_body_arrives_whole_in_one_post_of_sections_that_slack_takes(length: int) -> None:
    body = ("All work and no play makes a dull notification, again. " * 3000)[:length]
    (part,) = payloads(content(body=body))
    sections = texts([part], "section")
    assert "".join(sections) == body
    assert max(map(len, sections)) <= LONGEST_SECTION
    assert len(part["blocks"]) <= MOST_BLOCKS


async def test_a_body_of_256_kb_arrives_whole_in_two_posts_that_can_be_told_apart(
    server: HttpServer, slack: SlackChannel
) -> None:
    body = "0123456789abcdef" * 16 * 1024
    await slack.deliver(message(body=body))
    parts = [post.json for post in server.received]
    assert "".join(texts(parts, "section")) == body
    assert [len(part["blocks"]) for part in parts] == [50, 40]
    assert texts(parts, "header") == ["⚠️ Заказ 📦"]
    keys = [post.headers["Idempotency-Key"] for post in server.received]
    assert keys == ["uid:file:1", "uid:file:1:2"]


async def test_a_part_that_fails_stops_those_after_it(server: HttpServer, slack: SlackChannel) -> None:
    server.answer(200)
    server.answer(503, "busy")
    with pytest.raises(Transient, match="HTTP 503: busy"):
        await slack.deliver(message(body="x" * 400_000))
    assert len(server.received) == 2


def test_pieces_end_after_a_line_or_else_a_word_where_one_is_near() -> None:
    lines = "a" * 80 + "\n" + "b b" * 10 + "c" * 60
    assert list(pieces(lines, 100)) == ["a" * 80 + "\n", "b b" * 10 + "c" * 60]
    words = "a" * 80 + " " + "b" * 60
    assert list(pieces(words, 100)) == ["a" * 80 + " ", "b" * 60]
    assert list(pieces("a " + "b" * 120, 100)) == ["a " + "b" * 98, "b" * 22]


@given(st.text(max_size=400), st.integers(2, 40))
def test_pieces_are_the_text_and_none_is_longer_than_its_limit(text: str, longest: int) -> None:
    found = list(pieces(text, longest))
    assert "".join(found) == text
    assert all(0 < len(piece.encode("utf-16-le", "surrogatepass")) // 2 <= longest for piece in found)


async def test_waiting_for_a_connection_is_not_counted_as_slack_s_time(server: HttpServer) -> None:
    async def slowly(_request: web.Request) -> web.Response:
        await asyncio.sleep(0.1)
        return web.Response()

    server.answers.append(slowly)
    slack = SlackChannel(server.url, connections=2)
    dispatcher = dispatcher_of({"slack": slack}, timeout=0.3)
    sends = [Send(channel="slack", number=1, id=f"uid-{number}:slack:1") for number in range(10)]
    made = await asyncio.gather(*(dispatcher.attempt(send, message()) for send in sends))
    await slack.close()
    assert {one.error for one in made} == {None}


async def test_messages_share_connections_and_closing_lets_them_go(server: HttpServer) -> None:
    slack = SlackChannel(server.url, connections=2)
    await asyncio.gather(*(slack.deliver(message(subject=str(number))) for number in range(10)))
    assert len(server.received) == 10
    assert server.open_connections == 2
    await slack.close()
    await server.until_all_are_closed()
