"""The sanitiser as this process is set: by which rules it masks, and a count of what went by each.

What is masked is counted where a text is made ready to leave for the first time: content with the pass
that starts its tries, the text of an error with its try. Copies for others are not counted again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from notification_operator.domain.redaction.redact import EVERYTHING, Rules, redact, redact_content

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from notification_contract.settings import Redaction as RedactionSettings
    from notification_operator.domain.model import Content


def rules(settings: RedactionSettings) -> Rules:
    """Return the rules that the settings choose."""
    return Rules(emails=settings.emails, ipv4=settings.ip_addresses)


class Redactor:
    """Masks, and hands on how many secrets went by each rule."""

    def __init__(
        self, rules: Rules = EVERYTHING, *, count: Callable[[Mapping[str, int]], None] = lambda _found: None
    ) -> None:
        self.rules = rules
        self._count = count

    def text(self, text: str) -> str:
        """Return the text without its secrets, and count them."""
        clean, found = redact(text, self.rules)
        self._count(found)
        return clean

    def content(self, content: Content) -> Content:
        """Return a copy that may leave, and count what was masked in it."""
        clean, found = redact_content(content, self.rules)
        self._count(found)
        return clean
