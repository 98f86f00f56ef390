"""Redaction of content as a job of the render worker."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypedDict, cast

from notification_domain.redaction import redact
from notification_domain.redaction.redact import Rules
from notification_domain.rendering.job import job

if TYPE_CHECKING:
    from collections.abc import Mapping


class FreeTexts(TypedDict, total=False):
    """The fields of a content that may hold a secret."""

    subject: str
    body: str
    metadata: dict[str, str]
    labels: dict[str, str]
    annotations: dict[str, str]
    action_links: list[dict[str, str]]
    dedup_key: str


class RedactedFields(TypedDict):
    """The redacted fields of a content, and the number of secrets by rule name."""

    fields: FreeTexts
    counts: dict[str, int]


@job(seconds=2, returns=RedactedFields)
def redact_fields(*, texts: Mapping[str, Any], dedup_key: str, rules: Mapping[str, Any]) -> RedactedFields:
    """Redact the fields of a content that may hold a secret."""
    fields, counts = redact.redact_fields(texts, dedup_key, Rules(**rules))
    return {"fields": cast("FreeTexts", fields), "counts": dict(counts)}


def rule_values(rules: Rules) -> dict[str, Any]:
    """Return rules as a job gets them."""
    return asdict(rules)
