"""The elements of an Adaptive Card 1.4, for Teams: its text blocks know a small part of Markdown."""

from __future__ import annotations

import re
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Final

from notification_contract.kinds.choices import BodyFormat
from notification_domain.rendering.markup.lines import Block, Kind, LineRenderer
from notification_domain.rendering.mentions import visible

if TYPE_CHECKING:
    from collections.abc import Iterator

MARKS: Final = {"strong": "**", "em": "_", "s": ""}
ESCAPES: Final = str.maketrans({character: f"\\{character}" for character in "\\*_[]()`"})
MARKER: Final = re.compile(r"^([^\S\n]*(?:\d{1,9}(?=\.)|(?=[-+#>])))([-+#>.])(?=\s)", re.MULTILINE)
"""What begins a heading, a quote or an item of a list; the brackets of numbers are escaped already."""
SIZES: Final = {1: "large", 2: "medium"}
URL_ESCAPES: Final = str.maketrans({"(": "%28", ")": "%29", " ": "%20"})
MAX_ELEMENTS: Final = 1000
"""Elements of a body; two cards hold fewer."""
MAX_BLOCK: Final = 2000
"""Characters of one text block, so that a card can be split between two of them."""


class CardRenderer(LineRenderer):
    """Renders a body as the list of elements of a card."""

    quote_prefix = "\N{BOX DRAWINGS LIGHT VERTICAL} "

    def elements(self, text: str, form: BodyFormat) -> list[dict[str, Any]]:
        """Render a body by its format; each paragraph is one or more elements."""
        blocks = self.blocks(text) if form is BodyFormat.MARKDOWN else None
        if blocks is None:
            shown = visible(text) if form is BodyFormat.NATIVE else self.text(text)
            paragraphs = re.split(r"\n{2,}", shown)
            blocks = [Block(kind=Kind.PARAGRAPH, text=text) for text in paragraphs[:MAX_ELEMENTS]]
        return list(islice(chain.from_iterable(map(_elements, blocks)), MAX_ELEMENTS))

    def text(self, text: str) -> str:
        return MARKER.sub(r"\1\\\2", visible(text).translate(ESCAPES))

    def mark(self, name: str, text: str) -> str:
        mark = MARKS[name]
        return f"{mark}{text}{mark}" if text.strip() else text

    def code(self, text: str) -> str:
        return self.text(text)

    def link(self, label: str, url: str) -> str:
        shown = label.replace("\n", " ")
        return f"[{shown}]({url.translate(URL_ESCAPES)})"

    def heading(self, text: str, level: int) -> str:
        del level
        return text

    def fence(self, text: str, language: str) -> str:
        del language
        return self.text(text)

    def bullet(self, number: int | None) -> str:
        return "- " if number is None else f"{number}. "


def _elements(block: Block) -> list[dict[str, Any]]:
    style: dict[str, Any] = {}
    match block.kind:
        case Kind.HEADING:
            style = {"weight": "bolder", "size": SIZES.get(block.level, "default")}
        case Kind.CODE | Kind.TABLE:
            style = {"fontType": "monospace"}
        case Kind.RULE:
            return [{"type": "TextBlock", "text": " ", "separator": True}]
    # Teams joins lines that a single line break separates.
    text = re.sub(r"(?<!\n)\n(?!\n)", "\n\n", block.text)
    spacing = {"spacing": "none"} if block.tight else {}
    return [{"type": "TextBlock", "text": part, "wrap": True, **style, **spacing} for part in _pieces(text)]


def _pieces(text: str) -> Iterator[str]:
    start = 0
    while len(text) - start > MAX_BLOCK:
        # A backslash stays with the character that it escapes.
        end = start + MAX_BLOCK - (text[start + MAX_BLOCK - 1] == "\\")
        yield text[start:end]
        start = end
    yield text[start:]
