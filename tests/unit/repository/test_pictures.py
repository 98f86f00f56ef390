"""The pictures of the channels: they show what the channels send, and the documentation shows each of them."""

from __future__ import annotations

import asyncio
import re
from html import unescape

import pytest

from tests.unit.process_log import restored_log
from tools.pictures.capture import capture
from tools.pictures.samples import MESSAGE
from tools.pictures.views import STYLE, VIEWS, mrkdwn, pages
from tools.platform.pulumi.environment import ROOT

FOLDER = ROOT / "docs" / "images" / "channels"
MAX_BYTES = 1_500_000
TAG = re.compile(r"<[^>]+>")


@pytest.fixture(scope="module")
def sent() -> dict[str, bytes]:
    """What the channels send; capturing it configures the log of the process."""
    with restored_log():
        return asyncio.run(capture())


def shown(page: str) -> str:
    """Return the text of a page."""
    return unescape(TAG.sub(" ", page.partition("</style>")[2]))


@pytest.mark.parametrize("name", VIEWS)
def test_picture_shows_subject_body_and_origin(sent: dict[str, bytes], name: str) -> None:
    text = shown(pages(sent)[name])
    assert MESSAGE.content.subject in text
    assert "61 % of the orders" in text
    assert "shop/checkout-failing" in text


@pytest.mark.parametrize("name", sorted(VIEWS.keys() - {"console", "slack-settings", "sms"}))
def test_picture_shows_links_and_metadata(sent: dict[str, bytes], name: str) -> None:
    text = shown(pages(sent)[name])
    assert all(link["label"] in text for link in MESSAGE.content.action_links)
    assert all(value in text for value in MESSAGE.content.metadata.values())


def test_picture_shows_what_the_service_does_not_render(sent: dict[str, bytes]) -> None:
    """The channel of the settings passes the body on as mrkdwn: two asterisks are no emphasis there."""
    drawn = pages(sent)
    assert "**61 % of the orders**" in shown(drawn["slack-settings"])
    assert "<b>61 % of the orders</b>" in drawn["slack"]


def test_every_channel_has_a_picture_in_the_documentation() -> None:
    pictures = {file.stem for file in FOLDER.glob("*.png")}
    assert pictures == VIEWS.keys()
    text = (ROOT / "docs" / "channels.md").read_text("utf-8")
    assert all(f"images/channels/{name}.png" in text for name in pictures)
    assert sum(file.stat().st_size for file in FOLDER.glob("*.png")) < MAX_BYTES


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("*a* _b_ ~c~", "<b>a</b> <i>b</i> <s>c</s>"),
        ("2*3*4", "2*3*4"),
        ("`*a* &lt;`", "<code>*a* &lt;</code>"),
        ("```\n*a*\n```", "<pre>*a*</pre>"),
        ("<https://a.example/_b_|c>", '<a href="https://a.example/_b_">c</a>'),
        ("a\n> b", "a<blockquote>b</blockquote>"),
    ],
)
def test_mrkdwn_is_drawn_as_slack_shows_it(text: str, html: str) -> None:
    assert mrkdwn(text) == html


def test_style_is_part_of_each_page(sent: dict[str, bytes]) -> None:
    style = STYLE.read_text("utf-8")
    assert all(style in page for page in pages(sent).values())
