"""HTML, for e-mail: no HTML of the author, no image that is loaded, no address but http, https and mailto."""

from __future__ import annotations

from html import escape

from notification_contract.kinds.choices import BodyFormat
from notification_domain.rendering.markup.markdown import MAX_RENDERED, is_markdown


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
        from notification_domain.rendering.markup.commonmark import html_of  # noqa: PLC0415 - as in `lines`

        result = html_of(text)
        return result if len(result) <= MAX_RENDERED else self.text(text)
