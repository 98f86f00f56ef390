"""Plain text, for channels without markup."""

from __future__ import annotations

from notification_domain.rendering.markup.lines import LineRenderer


class PlainRenderer(LineRenderer):
    """Renders Markdown as text in which the structure can still be seen; an address follows its label."""

    def native(self, text: str) -> str:
        return text

    def mark(self, name: str, text: str) -> str:
        del name
        return text

    def code(self, text: str) -> str:
        return text

    def link(self, label: str, url: str) -> str:
        return url if label in {url, url.removeprefix("mailto:")} else f"{label} ({url})"

    def heading(self, text: str, level: int) -> str:
        underline = "=" if level == 1 else "-"
        return f"{text}\n{underline * min(len(text), 72)}"

    def fence(self, text: str, language: str) -> str:
        del language
        return "\n".join(f"    {line}" for line in text.split("\n"))
