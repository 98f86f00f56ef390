"""Slack's mrkdwn."""

from __future__ import annotations

import re
from typing import Final

from notification_domain.rendering.markup.lines import LineRenderer
from notification_domain.rendering.markup.markdown import ADDRESS, MAX_SHOWN
from notification_domain.rendering.mentions import ZERO_WIDTH_SPACE, neutralize

MARKS: Final = {"strong": "*", "em": "_", "s": "~"}
ESCAPES: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
URL_ESCAPES: Final = str.maketrans({"<": "%3C", ">": "%3E", "|": "%7C", "&": "&amp;"})
SPECIAL: Final = re.compile(r"<(?=[!@#])")


class MrkdwnRenderer(LineRenderer):
    """Renders Markdown as mrkdwn.

    Args:
        mentions: whether the receiver accepts mentions.
    """

    longest = MAX_SHOWN

    def __init__(self, *, mentions: bool = False) -> None:
        self._mentions = mentions

    def text(self, text: str) -> str:
        # Slack finds no addresses by itself in a text in which it is to find no mentions.
        parts = ADDRESS.split(text)
        parts[::2] = [self._escaped(part) for part in parts[::2]]
        parts[1::2] = [f"<{part.translate(URL_ESCAPES)}>" for part in parts[1::2]]
        return "".join(parts)

    def _escaped(self, text: str) -> str:
        escaped = text.translate(ESCAPES)
        return escaped if self._mentions else neutralize(escaped)

    def native(self, text: str) -> str:
        return text if self._mentions else neutralize(SPECIAL.sub("&lt;", text))

    def mark(self, name: str, text: str) -> str:
        mark = MARKS[name]
        return f"{mark}{text}{mark}" if text.strip() else text

    def code(self, text: str) -> str:
        return f"`{self._escaped(text).replace('`', chr(39))}`"

    def link(self, label: str, url: str) -> str:
        shown = label.replace("<", "").replace(">", "")
        shown = shown.replace("|", "\N{BROKEN BAR}").replace("\n", " ")
        address = url.translate(URL_ESCAPES)
        return f"<{address}>" if shown == address else f"<{address}|{shown}>"

    def heading(self, text: str, level: int) -> str:
        del level
        return self.mark("strong", text.replace("*", ""))

    def fence(self, text: str, language: str) -> str:
        del language
        return f"```\n{self._escaped(text).replace('```', f'``{ZERO_WIDTH_SPACE}`')}\n```"
