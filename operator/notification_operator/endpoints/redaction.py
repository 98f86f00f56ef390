"""Redaction of a notification's content: once per reconciliation, and outside the event loop unless it is short."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import structlog

from notification_domain.redaction.redact import (
    ALL_RULES,
    free_texts,
    redact_content_counted,
    redact_key,
)
from notification_domain.redaction.rules import REDACTED
from notification_domain.rendering.job import RenderingError
from notification_domain.rendering.redaction import redact_fields, rule_values
from notification_operator.endpoints.budget import content_size

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from notification_domain.model import Content
    from notification_domain.redaction.redact import Rules
    from notification_domain.redaction.redactor import Redactor
    from notification_domain.rendering.job import Renderer

ON_LOOP: Final = 4_096
"""Bytes of content up to which it is redacted on the event loop: that takes a few milliseconds at most."""
LARGE_CONTENT_BYTES: Final = 65_536
"""Bytes of content from which there must be room for its attempts before it is redacted."""
WITHHELD: Final = "withheld"
"""The name under which the metric counts contents that could not be redacted in time."""

logger = structlog.get_logger(__name__)


Redacted: TypeAlias = "tuple[Content, Mapping[str, int]]"
"""A redacted copy, and the number of secrets by rule name."""


class RedactedContent:
    """The redacted copy of one content, made at its first use, or elsewhere by `prepare`."""

    def __init__(
        self,
        redactor: Redactor,
        content: Content,
        *,
        elsewhere: Callable[[Content], Awaitable[Redacted]] | None = None,
    ) -> None:
        self.size = content_size(content)
        """The bytes that the content takes in memory."""
        self._redactor = redactor
        self._raw = content
        self._elsewhere = elsewhere if self.size > ON_LOOP else None
        self._redacted: Redacted | None = None

    @property
    def is_large(self) -> bool:
        """Whether the content takes noticeable memory while it is redacted."""
        return self.size > LARGE_CONTENT_BYTES

    async def prepare(self) -> None:
        """Redact a content that is not short, without a delay of anything else."""
        if self._elsewhere is not None and self._redacted is None:
            self._redacted = await self._elsewhere(self._raw)

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
    """Redacts the contents of notifications; one that is not short by the renderer."""

    def __init__(self, redactor: Redactor, renderer: Renderer) -> None:
        self._redactor = redactor
        self._renderer = renderer

    def of(self, namespace: str, content: Content) -> RedactedContent:
        """Return the redacted copy of a content; prepare it before its first use."""
        return RedactedContent(self._redactor, content, elsewhere=partial(self._redact_elsewhere, namespace))

    async def _redact_elsewhere(self, namespace: str, content: Content) -> Redacted:
        """Return the redacted copy; without a result, a copy without the text."""
        rules = self._redactor.rules
        try:
            result = await self._renderer.run(
                namespace,
                redact_fields,
                texts=free_texts(content),
                dedup_key=content.dedup_key,
                rules=rule_values(rules),
            )
        except RenderingError as error:
            logger.warning(
                "content not redacted and therefore withheld", namespace=namespace, reason=str(error)
            )
            return without_text(content, rules), {WITHHELD: 1}
        fields: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in result["fields"].items()
        }
        return replace(content, **fields), result["counts"]


def without_text(content: Content, rules: Rules = ALL_RULES) -> Content:
    """Return a copy without anything that may hold a secret: an unredacted text never leaves the operator.

    The recipients and the incident stay: they decide where the message goes, and are short.
    """
    withheld = {name: type(value)() for name, value in free_texts(content).items()}
    withheld["subject"] = REDACTED
    withheld["body"] = (
        f"{REDACTED} The text could not be redacted in time; read it in the NotificationRequest."
    )
    return replace(content, **withheld, dedup_key=redact_key(content.dedup_key, rules))
