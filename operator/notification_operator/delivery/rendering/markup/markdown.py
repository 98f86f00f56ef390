"""The Markdown that messages are written in: CommonMark with tables and strikethrough, without HTML."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from yarl import URL

if TYPE_CHECKING:
    from markdown_it.renderer import RendererProtocol

MAX_SHOWN: Final = 32 * 1024
"""Characters of a body that chat services can show at all, in all parts together."""
MAX_MARKDOWN: Final = 16 * 1024
"""Characters that are read as Markdown; a longer body is shown as it is written."""
ADDRESS: Final = re.compile(r"(https?://[\w\-./?=&%#:+,;@~]*[\w\-/=&%#+~])")
"""An address in a text, without the punctuation that follows it."""


def parser(renderer: type[RendererProtocol] = RendererHTML) -> MarkdownIt:
    """Return a parser: HTML is text, and a link has its address in place and leads to a permitted scheme."""
    result = MarkdownIt("commonmark", {"html": False}, renderer_cls=renderer)
    result.enable(["table", "strikethrough"]).disable("reference")
    result.validateLink = is_link  # type: ignore[method-assign]  # the library documents this hook
    return result


def is_link(url: str) -> bool:
    """Return whether an address is one that a message may link to."""
    try:
        return URL(url).scheme in {"http", "https", "mailto"}
    except ValueError:
        return False
