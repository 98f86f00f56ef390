"""Markdown that is expensive to render: each renderer takes a few times as many lines of Python as usual, or shows it as written."""

from __future__ import annotations

import sys
import tracemalloc
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Final

import pytest

from notification_contract.kinds.choices import BodyFormat
from notification_domain.rendering.markup.adaptive_card import MAX_ELEMENTS, CardRenderer
from notification_domain.rendering.markup.chat_markdown import discord, mattermost
from notification_domain.rendering.markup.html import HtmlRenderer
from notification_domain.rendering.markup.markdown import MAX_CELLS, MAX_RENDERED, is_markdown
from notification_domain.rendering.markup.mrkdwn import MrkdwnRenderer
from notification_domain.rendering.markup.plain import PlainRenderer
from notification_runtime.channels.teams import MAX_CARD, MAX_MESSAGES, MIN_ELEMENT
from tests.cases import some
from tests.kit.worst_markdown import WORST, repeated, table

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from _typeshed import TraceFunction

USUAL: Final = "## Deploy\n\n- **pod** `shop-7d9f` is *down*, see [logs](https://logs.example.com/q?x=1)\n- more\n\n> quote\n\n"
TIMES: Final = 10
"""How many times as many lines of Python as a usual document of the same size an expensive one runs at most."""
BYTES: Final = 10_000_000

RENDERERS: dict[str, Callable[[str, BodyFormat], Any]] = {
    "plain": PlainRenderer().body,
    "html": HtmlRenderer().body,
    "mrkdwn": MrkdwnRenderer().body,
    "card": CardRenderer().elements,
    "discord": discord().body,
    "mattermost": mattermost().body,
}


def counted(work: Callable[[], Any]) -> tuple[int, Any]:
    """Return how many lines of Python something runs, which no other load of the machine changes, and its result.

    The first run, which is not counted, fills caches: the count is the same whatever ran before.
    """
    result, lines = work(), 0

    def count(_frame: FrameType, event: str, _argument: object) -> TraceFunction:
        nonlocal lines
        lines += event == "line"
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        work()
    finally:
        sys.settrace(before)
    return lines, result


@cache
def usual(renderer: str, size: int) -> int:
    """Return how many lines a usual document of a size takes."""
    return counted(partial(RENDERERS[renderer], repeated(USUAL)(size), BodyFormat.MARKDOWN))[0]


def peak(work: Callable[[], object]) -> int:
    """Return the largest memory of a run, in bytes."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("size", some([4096, 16_384]))
@pytest.mark.parametrize("name", WORST)
def test_expensive_markdown_is_rendered_within_lines_and_size(name: str, size: int) -> None:
    document = WORST[name](size)
    # A part of the renderers has another one for each document: all of them parse it by the same rules.
    start = list(WORST).index(name) % len(RENDERERS)
    for renderer in some([*RENDERERS][start:] + [*RENDERERS][:start]):
        lines, shown = counted(partial(RENDERERS[renderer], document, BodyFormat.MARKDOWN))
        assert lines <= TIMES * usual(renderer, size), renderer
        texts = [shown] if isinstance(shown, str) else [element["text"] for element in shown]
        assert sum(map(len, texts)) <= MAX_RENDERED, renderer


@pytest.mark.parametrize("name", some(list(WORST)))
def test_expensive_markdown_is_rendered_within_memory(name: str) -> None:
    document = WORST[name](16_384)
    for render in RENDERERS.values():
        assert peak(partial(render, document, BodyFormat.MARKDOWN)) <= BYTES


@pytest.mark.parametrize("renderer", RENDERERS)
def test_markdown_that_takes_too_long_is_shown_as_it_is_written(renderer: str) -> None:
    document = table(300)(4096)
    render = RENDERERS[renderer]
    assert render(document, BodyFormat.MARKDOWN) == render(document, BodyFormat.PLAIN)


def test_markdown_that_becomes_too_long_is_shown_as_it_is_written() -> None:
    document = "123456789. " * 9 + "a\n" + "b\n" * 3900
    assert is_markdown(document)
    assert PlainRenderer().body(document, BodyFormat.MARKDOWN) == document
    addresses = "<a@b>" * 2000 + '"' * 6384
    assert is_markdown(addresses)
    assert HtmlRenderer().body(addresses, BodyFormat.MARKDOWN) == HtmlRenderer().text(addresses)


def test_usual_markdown_is_rendered() -> None:
    rows = MAX_CELLS // 5 - 2
    document = "|a|b|c|d|e|\n|-|-|-|-|-|\n" + "|1|2|3|4|5|\n" * rows
    assert is_markdown(document)
    assert not is_markdown(document + "|1|2|3|4|5|\n")
    assert is_markdown(
        "# Disk full\n\n> one\n> two\nthree\n\n- **a** `b_c` [d](https://example.com/?e=f&g=h)\n\n" * 40
    )


@pytest.mark.parametrize("form", BodyFormat)
def test_elements_of_cards_are_bounded_beyond_what_two_cards_hold(form: BodyFormat) -> None:
    elements = CardRenderer().elements("a\n\n" * 87_000, form)
    assert len(elements) == MAX_ELEMENTS > MAX_MESSAGES * MAX_CARD / MIN_ELEMENT
