"""The pictures of the channels show what the channels send, and that of the dashboard shows its panels; the documentation has each of them."""

from __future__ import annotations

import asyncio
import re
from xml.etree import ElementTree as ET

import pytest

from platform_infra.monitoring.dashboard import VIEWER
from platform_infra.monitoring.panels import Panel, panels
from tests.unit.process_log import restored_log
from tools.pictures import dashboard
from tools.pictures.capture import capture
from tools.pictures.samples import MESSAGE
from tools.pictures.views import STYLE, VIEWS, mrkdwn, pictures
from tools.platform.pulumi.environment import ROOT


@pytest.fixture(scope="module")
def drawn() -> dict[str, str]:
    """The pictures; capturing what the channels send configures the log of the process."""
    with restored_log():
        return pictures(asyncio.run(capture()))


def shown(picture: str) -> str:
    """Return the text of a picture."""
    page = ET.fromstring(picture).find("{*}foreignObject")  # noqa: S314 - drawn in this process
    assert page is not None
    return " ".join(page.itertext())


@pytest.mark.parametrize("name", VIEWS)
def test_picture_shows_subject_body_and_origin(drawn: dict[str, str], name: str) -> None:
    text = shown(drawn[name])
    assert MESSAGE.content.subject in text
    assert "61 % of the orders" in text
    assert "shop/checkout-failing" in text


@pytest.mark.parametrize("name", sorted(VIEWS.keys() - {"console", "slack-settings", "sms"}))
def test_picture_shows_links_and_metadata(drawn: dict[str, str], name: str) -> None:
    text = shown(drawn[name])
    assert all(link["label"] in text for link in MESSAGE.content.action_links)
    assert all(value in text for value in MESSAGE.content.metadata.values())


def test_picture_shows_what_the_service_does_not_render(drawn: dict[str, str]) -> None:
    """The channel of the settings passes the body on as mrkdwn: two asterisks are no emphasis there."""
    assert "**61 % of the orders**" in shown(drawn["slack-settings"])
    assert "<b>61 % of the orders</b>" in drawn["slack"]


def test_every_channel_has_a_picture_in_the_documentation() -> None:
    folder = ROOT / "docs" / "images" / "channels"
    assert {file.name for file in folder.iterdir()} == {f"{name}.svg" for name in VIEWS}
    text = (ROOT / "docs" / "channels.md").read_text("utf-8")
    assert all(f"images/channels/{name}.svg" in text for name in VIEWS)


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


def test_style_is_part_of_each_picture(drawn: dict[str, str]) -> None:
    style = STYLE.read_text("utf-8")
    assert all(style in picture for picture in drawn.values())


def test_dashboard_shows_its_panels_in_order() -> None:
    titles = [panel.title for panel in panels(VIEWER)]
    assert list(dashboard.CURVES) == titles
    picture = dashboard.picture()
    ET.fromstring(picture)  # noqa: S314 - drawn in this process
    assert re.findall(r'font-weight="bold">([^<]+)<', picture) == titles


@pytest.mark.parametrize("panel", panels(VIEWER), ids=lambda panel: panel.title)
def test_curves_of_the_dashboard_have_the_legends_of_its_queries(panel: Panel) -> None:
    """A legend is a text with labels, such as `{{channel}} {{status}}`."""
    patterns = [re.sub(r"\\{\\{.*?\\}\\}", r"\\S+", re.escape(curve.legend)) for curve in panel.curves]
    legends = dashboard.CURVES[panel.title]
    assert all(any(re.fullmatch(pattern, legend) for pattern in patterns) for legend in legends)
    assert all(any(re.fullmatch(pattern, legend) for legend in legends) for pattern in patterns)
