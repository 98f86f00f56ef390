"""Every element of Markdown on every channel, against the files in snapshots/.

`python -m tests.unit.operator.rendering.test_snapshots` writes the files; review what changed.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from notification_contract.kinds.choices import BodyFormat
from notification_domain.rendering.markup.adaptive_card import CardRenderer
from notification_domain.rendering.markup.chat_markdown import discord, mattermost
from notification_domain.rendering.markup.html import HtmlRenderer
from notification_domain.rendering.markup.markdown import MAX_MARKDOWN
from notification_domain.rendering.markup.mrkdwn import MrkdwnRenderer
from notification_domain.rendering.markup.plain import PlainRenderer
from tests.cases import length
from tests.unit.operator.rendering.elements import ELEMENTS

if TYPE_CHECKING:
    from collections.abc import Callable

SNAPSHOTS: Final = Path(__file__).parent / "snapshots"


def _card(text: str, form: BodyFormat) -> str:
    return "\n".join(orjson.dumps(each).decode() for each in CardRenderer().elements(text, form))


RENDERERS: Final[dict[str, Callable[[str, BodyFormat], str]]] = {
    "adaptive-card": _card,
    "discord": discord().body,
    "html": HtmlRenderer().body,
    "mattermost": mattermost().body,
    "mrkdwn": MrkdwnRenderer().body,
    "plain": PlainRenderer().body,
}


def snapshot(render: Callable[[str, BodyFormat], str]) -> str:
    """Return one file: each element in each format; invisible characters by their names."""
    parts = []
    for name, text in ELEMENTS.items():
        parts.append(f"======== {name}\n{text}\n")
        for form in BodyFormat:
            shown = render(text, form).replace("\N{ZERO WIDTH SPACE}", "(ZWSP)")
            parts.append(f"-------- {name}: {form}\n{shown.rstrip(chr(10))}\n")
    lines = "".join(parts).split("\n")
    return "\n".join(line.rstrip(" ") + "(SP)" * (len(line) - len(line.rstrip(" "))) for line in lines)


@pytest.mark.parametrize("name", RENDERERS)
def test_elements_are_rendered_as_recorded(name: str) -> None:
    assert snapshot(RENDERERS[name]) == (SNAPSHOTS / f"{name}.txt").read_text("utf-8")


def test_every_snapshot_has_its_renderer() -> None:
    assert {path.stem for path in SNAPSHOTS.iterdir()} == set(RENDERERS)


@pytest.mark.parametrize("name", RENDERERS)
@given(
    text=st.text(alphabet="ab *_~`#>-+1.[]()!|\\\n\t<&@:/h", max_size=120), form=st.sampled_from(BodyFormat)
)
def test_any_text_is_rendered(name: str, text: str, form: BodyFormat) -> None:
    RENDERERS[name](text, form)


@pytest.mark.parametrize("name", RENDERERS)
def test_deep_nesting_is_rendered(name: str) -> None:
    for part in ("*a **b ", "> ", "[", "- ", "~~a ", "`", "| a |\n|---|\n", "[a](b", "\n", "&amp;"):
        RENDERERS[name]((part * MAX_MARKDOWN)[: length(MAX_MARKDOWN)], BodyFormat.MARKDOWN)


@pytest.mark.parametrize(
    "part", ["\n", " ", "\n ", "https://", "https://.", "@", "<", "\n1", "`", "\\", "\t"]
)
def test_large_body_costs_time_by_its_length_only(part: str) -> None:
    text = (part * 1_000_000)[: length(1_000_000)]
    for name, render in RENDERERS.items():
        start = time.thread_time()
        for form in (BodyFormat.PLAIN, BodyFormat.NATIVE):
            render(text, form)
        assert time.thread_time() - start < 10, name  # by the square of the length it would be hours


@pytest.mark.parametrize("name", RENDERERS)
def test_text_that_is_too_long_for_markdown_is_shown_as_written(name: str) -> None:
    text = "**a** " * (MAX_MARKDOWN // 6 + 1)
    assert RENDERERS[name](text, BodyFormat.MARKDOWN) == RENDERERS[name](text, BodyFormat.PLAIN)


def test_html_shows_no_tag_of_the_author() -> None:
    for form, text in ((form, text) for form in BodyFormat for text in ELEMENTS.values()):
        html = HtmlRenderer().body(text, form)
        for forbidden in (
            'href=""',
            "<script",
            "<img",
            "<div",
            "<!--",
            "onclick=x>",
            'href="javascript',
            'href="data',
        ):
            assert forbidden not in html.lower()


def write() -> None:
    """Write all snapshots."""
    SNAPSHOTS.mkdir(exist_ok=True)
    for name, render in RENDERERS.items():
        (SNAPSHOTS / f"{name}.txt").write_text(snapshot(render), "utf-8")


if __name__ == "__main__":
    write()
