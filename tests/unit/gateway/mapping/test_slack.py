"""Messages for Slack: what is shown of text, blocks and attachments, and what is refused."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import pytest

from notification_domain.mapping import Malformed, Translation, translate
from tests.unit.gateway.mapping.builders import only, post, source

if TYPE_CHECKING:
    from notification_domain.mapping import Post

SOURCE = source("slack")
FORM = "application/x-www-form-urlencoded"


def shown(text: Any = None, **fields: Any) -> tuple[str, str]:
    """Return subject and body of a message."""
    spec = only(SOURCE, post({"text": text, **fields})).spec
    return spec["subject"], spec["body"]


def plain(text: str) -> dict[str, str]:
    return {"type": "plain_text", "text": text}


def mrkdwn(text: str) -> dict[str, str]:
    return {"type": "mrkdwn", "text": text}


def test_first_line_of_the_text_is_the_subject() -> None:
    assert shown("Deployed shop\nin 5 s") == ("Deployed shop", "Deployed shop\nin 5 s")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("see <https://a.example/?a=1&amp;b=2|the log>", "see the log (https://a.example/?a=1&b=2)"),
        ("see <https://a.example/>", "see https://a.example/"),
        ("<https://a.example/|https://a.example/>", "https://a.example/"),
        ("<mailto:ops@a.example|ops@a.example>", "ops@a.example"),
        ("<javascript:alert(1)|click>", "click"),
        (
            "<!here> <!channel> <!subteam^S1|@ops> <@U1> <@U1|ann> <#C1|general>",
            "@here @channel @ops @U1 @ann #general",
        ),
        ("<!date^1392734382^{date}|Feb 18, 2014>", "Feb 18, 2014"),
        ("a &lt; b &amp;&amp; b &gt; c &amp;lt;", "a < b && b > c &lt;"),
        ("*bold* `code` <", "*bold* `code` <"),
    ],
)
def test_markup_of_references_becomes_text(text: str, expected: str) -> None:
    assert shown(text)[1] == expected


def test_blocks_are_shown_in_place_of_the_text() -> None:
    blocks = [
        {"type": "header", "text": plain("Build <5>")},
        {"type": "divider"},
        {
            "type": "section",
            "text": mrkdwn("*Failed* on <https://ci.example|main>"),
            "fields": [mrkdwn("*By*\nAnn"), plain("&amp;")],
            "accessory": {"type": "button", "text": plain("Open"), "url": "https://ci.example/5"},
        },
        {"type": "context", "elements": [mrkdwn("took 5 s"), {"type": "image", "alt_text": "x"}]},
        {"type": "actions", "elements": [{"type": "button", "text": plain("Log"), "url": "javascript:a"}]},
    ]
    made = only(SOURCE, post({"text": "Build failed", "blocks": blocks}))
    assert made.spec["subject"] == "Build failed"
    assert made.spec["body"] == "Build <5>\n*Failed* on main (https://ci.example)\n*By*\nAnn\n&amp;\ntook 5 s"
    assert made.spec["actionLinks"] == [{"service": "slack", "url": "https://ci.example/5", "label": "Open"}]


def test_rich_text_is_one_line_for_each_section() -> None:
    section = {
        "type": "rich_text_section",
        "elements": [
            {"type": "text", "text": "by ", "style": {"bold": True}},
            {"type": "user", "user_id": "U1"},
            {"type": "text", "text": " in "},
            {"type": "channel", "channel_id": "C1"},
            {"type": "emoji", "name": "tada"},
            {"type": "link", "url": "https://a.example", "text": "log"},
            {"type": "link", "url": "https://b.example"},
            {"type": "broadcast", "range": "here"},
            {"type": "user"},
            5,
        ],
    }
    items = {
        "type": "rich_text_list",
        "elements": [section, {**section, "elements": [{"type": "text", "text": "b"}]}],
    }
    assert shown(blocks=[{"type": "rich_text", "elements": [items]}])[1] == (
        "by @U1 in #C1:tada:log (https://a.example)https://b.example@here\nb"
    )


def test_attachments_are_shown_below() -> None:
    attachments = [
        {
            "pretext": "now",
            "title": "Alert",
            "title_link": "https://a.example",
            "text": "<https://b.example|b>",
            "fields": [{"title": "Host", "value": "db-1"}, {"title": "Only"}, 5],
            "fallback": "not shown",
        },
        {"fallback": "shown"},
        {"blocks": [{"type": "section", "text": mrkdwn("inner")}]},
        "odd",
    ]
    made = only(SOURCE, post({"text": "above", "attachments": attachments}))
    assert made.spec["body"] == "above\nnow\nAlert\nb (https://b.example)\nHost: db-1\nOnly\nshown\ninner"
    assert made.spec["actionLinks"] == [{"service": "slack", "url": "https://a.example", "label": "Alert"}]


@pytest.mark.parametrize(
    "fields", [{"blocks": {}}, {"blocks": [5, None, []]}, {"attachments": 5}, {"attachments": [None]}]
)
def test_odd_blocks_leave_the_text(fields: dict[str, Any]) -> None:
    assert shown("text", **fields) == ("text", "text")


def form(value: str) -> Post:
    return post(value.encode(), content_type=f"{FORM}; charset=utf-8")


def test_form_is_read_as_json() -> None:
    message = {"text": "größer & <https://a.example|a>"}
    made = only(SOURCE, form(urlencode({"other": "1", "payload": json.dumps(message)})))
    assert made.spec["body"] == "größer & a (https://a.example)"
    assert only(SOURCE, form("payload=" + quote('{"text": "hi"}'))).spec["body"] == "hi"
    assert only(SOURCE, form('{"text": "hi"}')).spec["body"] == "hi", "curl names a form by default"


@pytest.mark.parametrize(
    ("what", "field"),
    [
        (form("text=hi"), "payload"),
        (form("payload="), "payload"),
        (form("payload=%ff"), "payload"),
        (form("&".join(f"a{number}=b" for number in range(200))), "payload"),
        (form("payload=hi"), "payload"),
        (post(["text"]), "payload"),
        (post(b"hi"), "payload"),
        (post({}), "text"),
        (post({"text": " \x07\n"}), "text"),
        (post({"text": 5, "blocks": [{"type": "divider"}], "attachments": [{}]}), "text"),
    ],
)
def test_malformed_message_tells_no_text_from_other_errors(what: Post, field: str) -> None:
    with pytest.raises(Malformed) as caught:
        translate(SOURCE, what)
    assert caught.value.field == field


def test_same_body_is_a_repeat_within_a_minute() -> None:
    first, next_one, other = (
        only(SOURCE, what)
        for what in (post({"text": "a"}), post({"text": "a"}, seconds=59), post({"text": "b"}))
    )
    assert first.name.startswith("sl-")
    assert first.name == only(SOURCE, post({"text": "a"}, seconds=29)).name != other.name
    assert next_one.name != first.name
    assert (next_one.previous_name, next_one.previous_within) == (first.name, timedelta(seconds=60))


def test_filter_and_labels_take_dotted_paths() -> None:
    of = source("slack", filter=["channel!=test"], mapping={"labels": {"include": ["channel"]}})
    assert translate(of, post({"text": "a", "channel": "test"})) == Translation(filtered=1)
    assert only(of, post({"text": "a", "channel": "#ops"})).labels["kubernaut.ai/channel"] == "ops"
