"""The Markdown of chat services: Discord and Mattermost."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from notification_domain.rendering.markup.lines import LineRenderer
from notification_domain.rendering.markup.markdown import ADDRESS, MAX_SHOWN
from notification_domain.rendering.mentions import ZERO_WIDTH_SPACE, neutralize

if TYPE_CHECKING:
    from collections.abc import Sequence

MARKS: Final = {"strong": "**", "em": "*", "s": "~~"}
URL_ESCAPES: Final = str.maketrans({"(": "%28", ")": "%29", "<": "%3C", ">": "%3E", " ": "%20"})


class ChatMarkdownRenderer(LineRenderer):
    """Renders Markdown as the dialect of a chat service.

    Args:
        special: the characters that a backslash escapes there.
        tables: whether tables are shown as tables; otherwise they are code.
        mentions: whether the receiver accepts mentions.
    """

    longest = MAX_SHOWN

    def __init__(self, *, special: str, tables: bool, mentions: bool = False) -> None:
        self._escapes = str.maketrans({character: f"\\{character}" for character in special})
        self._tables = tables
        self._mentions = mentions

    def text(self, text: str) -> str:
        parts = ADDRESS.split(text)
        # An address stays as it is: an escape in it would break it.
        parts[::2] = [part.translate(self._escapes) for part in parts[::2]]
        parts[1::2] = [part.replace("@", "%40") for part in parts[1::2]]
        return self._without_mentions("".join(parts))

    def native(self, text: str) -> str:
        return self._without_mentions(text)

    def _without_mentions(self, text: str) -> str:
        return text if self._mentions else neutralize(text)

    def mark(self, name: str, text: str) -> str:
        mark = MARKS[name]
        return f"{mark}{text}{mark}" if text.strip() else text

    def code(self, text: str) -> str:
        fence = "``" if "`" in text else "`"
        padding = " " if text.startswith("`") or text.endswith("`") else ""
        return f"{fence}{padding}{self.native(text).replace('``', f'`{ZERO_WIDTH_SPACE}`')}{padding}{fence}"

    def link(self, label: str, url: str) -> str:
        shown, address = label.replace("\n", " "), url.translate(URL_ESCAPES)
        # Discord shows no link whose label is an address.
        return address if shown == url else f"[{shown}]({address})"

    def heading(self, text: str, level: int) -> str:
        return f"{'#' * min(level, 3)} {text}"

    def fence(self, text: str, language: str) -> str:
        name = re.sub(r"\W", "", language)
        return f"```{name}\n{self.native(text).replace('```', f'``{ZERO_WIDTH_SPACE}`')}\n```"

    def rule(self) -> str:
        return "---" if self._tables else super().rule()

    def table(self, rows: Sequence[Sequence[str]]) -> str:
        if not self._tables:
            return super().table(rows)
        lines = [f"| {' | '.join(row)} |" for row in rows]
        return "\n".join([lines[0], "|" + " --- |" * len(rows[0]), *lines[1:]])

    def bullet(self, number: int | None) -> str:
        return "- " if number is None else f"{number}. "


def discord(*, mentions: bool = False) -> ChatMarkdownRenderer:
    """Return the renderer of Discord, which has no tables."""
    return ChatMarkdownRenderer(special="\\`*_~|<>#-+[]", tables=False, mentions=mentions)


def mattermost(*, mentions: bool = False) -> ChatMarkdownRenderer:
    """Return the renderer of Mattermost."""
    return ChatMarkdownRenderer(special="\\`*_~|>#-+[]!$", tables=True, mentions=mentions)
