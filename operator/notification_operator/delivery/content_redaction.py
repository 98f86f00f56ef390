"""Redaction of a notification's content: once per reconciliation, and of large content outside the event loop."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeAlias

import structlog

from notification_operator.delivery.content_budget import content_size
from notification_operator.delivery.daemon_threads import DaemonThreads, SaturatedError
from notification_operator.domain.redaction.redact import redact_content_counted

if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping

    from notification_operator.domain.model import Content
    from notification_operator.domain.redaction.redactor import Redactor

LARGE: Final = 65_536
"""Bytes of content from which redaction would delay everything else in the process."""
THREADS: Final = 1
"""More would only compete for the interpreter."""
SECONDS: Final = 5.0
"""Time limit of one redaction; the largest body that the schema admits takes less than 0.3 s."""
WITHHELD: Final = "withheld"
"""The name under which the metric counts contents that could not be redacted in time."""

logger = structlog.get_logger(__name__)


Redacted: TypeAlias = "tuple[Content, Mapping[str, int]]"
"""A redacted copy, and the number of secrets by rule name."""


class RedactedContent:
    """The redacted copy of one content, made at its first use where it is small."""

    def __init__(self, redactor: Redactor, content: Content, redacted: Redacted | None = None) -> None:
        self._redactor = redactor
        self._raw = content
        self._redacted = redacted

    def get(self) -> Content:
        """Return the redacted copy; the same one at each call."""
        return self._get()[0]

    def count(self) -> None:
        """Count the secrets: once per notification and delivery, whoever else uses the copy."""
        self._redactor.count(self._get()[1])

    def _get(self) -> Redacted:
        if self._redacted is None:
            self._redacted = redact_content_counted(self._raw, self._redactor.rules)
        return self._redacted


class ContentRedaction:
    """Redacts the contents of notifications."""

    def __init__(self, redactor: Redactor, *, seconds: float = SECONDS, large: int = LARGE) -> None:
        self._redactor = redactor
        self._seconds = seconds
        self._large = large
        self._threads = DaemonThreads(THREADS, name="redaction")

    def is_large(self, content: Content) -> bool:
        """Return whether the redaction of a content takes noticeable time."""
        return content_size(content) > self._large

    async def start(self, content: Content) -> RedactedContent:
        """Return the redacted copy of a content; a large one is redacted when this returns."""
        if not self.is_large(content):
            return RedactedContent(self._redactor, content)
        return RedactedContent(self._redactor, content, await self._redact_large(content))

    async def _redact_large(self, content: Content) -> Redacted:
        """Return the redacted copy; if that takes too long, a copy without the text."""
        results: list[Redacted] = []

        def work(_abandoned: threading.Event) -> None:
            results.append(redact_content_counted(content, self._redactor.rules))

        try:
            async with asyncio.timeout(self._seconds):
                await self._threads.run(work)
        except (TimeoutError, SaturatedError):
            logger.warning("content not redacted in time and therefore withheld", seconds=self._seconds)
            return without_text(content), {WITHHELD: 1}
        return results.pop()


def without_text(content: Content) -> Content:
    """Return a copy without anything that may hold a secret: an unredacted text never leaves the operator."""
    return replace(
        content,
        subject="[REDACTED]",
        body="[REDACTED] The text could not be redacted in time; read it in the NotificationRequest.",
        metadata={},
        labels={},
        annotations={},
        action_links=(),
    )
