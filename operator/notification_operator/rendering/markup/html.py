"""HTML, for e-mail: no HTML of the author, no image that is loaded, no address but http, https and mailto."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from markdown_it.renderer import RendererHTML

from notification_contract.kinds.choices import BodyFormat
from notification_operator.rendering.markup.markdown import MAX_RENDERED, is_markdown, parser

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markdown_it.token import Token
    from markdown_it.utils import EnvType, OptionsDict


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


class HtmlRenderer:
    """Renders a body as a fragment of HTML."""

    def body(self, text: str, form: BodyFormat) -> str:
        """Render a body by its format; e-mail has no markup of its own, so Native is plain text."""
        return self.markdown(text) if form is BodyFormat.MARKDOWN else self.text(text)

    def text(self, text: str) -> str:
        """Return a text as it is written, line by line."""
        lines = escape(text).replace("\n", "<br />\n")
        return f"<p>{lines}</p>\n"

    def markdown(self, text: str) -> str:
        """Render Markdown; a text that is too long or too complex for it is shown as it is written."""
        if not is_markdown(text):
            return self.text(text)
        result: str = parser(_Html).render(text)
        return result if len(result) <= MAX_RENDERED else self.text(text)


def _link(url: str) -> str:
    return f'<a href="{escape(url)}" rel="noopener noreferrer">'
