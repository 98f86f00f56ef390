"""What the Markdown library makes of a text: its tokens, or HTML.

The operator's own process renders short plain texts only, and does not load the library: import this where it is used.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

from notification_domain.rendering.markup.markdown import is_link

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from markdown_it.renderer import RendererProtocol
    from markdown_it.rules_core import StateCore
    from markdown_it.utils import EnvType, OptionsDict


def tokens_of(text: str) -> list[Token]:
    return _parser().parse(text)


def html_of(text: str) -> str:
    """Return a fragment without HTML of the author, without an image that is loaded, and with permitted links only."""
    result: str = _parser(_Html).render(text)
    return result


def _parser(renderer: type[RendererProtocol] = RendererHTML) -> MarkdownIt:
    """Return a parser: HTML is text, and a link has its address in place and leads to a permitted scheme."""
    result = MarkdownIt("commonmark", {"html": False}, renderer_cls=renderer)
    result.enable(["table", "strikethrough"]).disable("reference")
    result.validateLink = is_link  # type: ignore[method-assign]  # the library documents this hook
    result.core.ruler.push("addresses", _show_links_without_address)
    return result


def _show_links_without_address(state: StateCore) -> None:
    """Replace links without an address, such as `[a]()`, by their texts: the library does not ask whether these are permitted."""
    for token in state.tokens:
        if token.children:
            token.children = list(_addressed(token.children))


def _addressed(children: Iterable[Token]) -> Iterator[Token]:
    # An address in angle brackets is a link that can be in the text of another one.
    shown: list[bool] = []
    for token in children:
        if token.type == "link_open":
            shown.append(bool(token.attrs.get("href")))
            is_kept = shown[-1]
        elif token.type == "link_close":
            is_kept = shown.pop()
        else:
            is_kept = token.type != "image" or bool(token.attrs.get("src"))
        if is_kept:
            yield token
        elif token.type == "image":
            yield Token("text", "", 0, content=token.content)


class _Html(RendererHTML):
    """Shows only what the plain text shows, so a secret that is not found there is not in the HTML either."""

    def link_open(self, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
        """Open a link without its title; HTML has no link within a link."""
        del options
        env["links"] = env.get("links", 0) + 1
        return _link(str(tokens[index].attrs.get("href", ""))) if env["links"] == 1 else ""

    def link_close(self, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
        del tokens, index, options
        env["links"] -= 1
        return "" if env["links"] else "</a>"

    def image(self, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
        """Link to an image: loading it would tell its server who reads the message."""
        del options
        token = tokens[index]
        url = str(token.attrs.get("src", ""))
        label = escape(token.content or url)
        return label if env.get("links") else f"{_link(url)}{label}</a>"

    def fence(self, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
        """Show a block of code without its language."""
        return self.code_block(tokens, index, options, env)

    def softbreak(self, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
        """Break the line as in the other channels."""
        del tokens, index, options, env
        return "<br />\n"


def _link(url: str) -> str:
    return f'<a href="{escape(url)}" rel="noopener noreferrer">'
