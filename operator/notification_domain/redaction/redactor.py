"""The redactor of this process: the configured rules, and a count of redacted secrets by rule.

A secret is counted where its text is first prepared to leave: content in the reconciliation that starts its
attempts, the text of an error in its attempt. Further copies are not counted again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from notification_domain.redaction.redact import (
    ALL_RULES,
    Rules,
    redact_content_counted,
    redact_counted,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from notification_contract.settings import Redaction as RedactionSettings
    from notification_domain.model import Content


def rules(settings: RedactionSettings) -> Rules:
    return Rules(emails=settings.emails, ipv4=settings.ip_addresses)


class Redactor:
    """Redacts, and reports the number of secrets by rule name to `count`."""

    def __init__(
        self, rules: Rules = ALL_RULES, *, count: Callable[[Mapping[str, int]], None] = lambda _counts: None
    ) -> None:
        self.rules = rules
        self.count = count
        """Counts redacted secrets, by rule name."""

    def text(self, text: str) -> str:
        """Return the redacted text, and count its secrets."""
        redacted, secrets = redact_counted(text, self.rules)
        self.count(secrets)
        return redacted

    def content(self, content: Content) -> Content:
        """Return a redacted copy, and count its secrets."""
        redacted, secrets = redact_content_counted(content, self.rules)
        self.count(secrets)
        return redacted
