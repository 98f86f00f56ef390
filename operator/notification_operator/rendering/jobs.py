"""The jobs of the render worker, by name, and the frames in which they and their results travel.

A job is a function of JSON values: what it gets, and what it returns, survives the way through a frame.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypedDict

from notification_operator.domain.redaction import redact
from notification_operator.domain.redaction.redact import Rules

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

HEAD: Final = 4
"""Bytes in front of a frame, which say how long it is."""
MAX_FRAME: Final = 16 * 1024 * 1024
"""Bytes of a frame; the largest body takes 4 MiB as the elements of cards."""
BYTES_PER_SECOND: Final = 128 * 1024
"""The share of a frame for which a job gets a further second of the processor."""
RESULT, FAILED = "result", "failed"
"""The keys of an answer: a result, or the name of the type of an error, whose text could hold a secret."""


class RedactedFields(TypedDict):
    """The redacted fields of a content, and the number of secrets by rule name."""

    fields: dict[str, Any]
    counts: dict[str, int]


def redact_fields(*, texts: Mapping[str, Any], dedup_key: str, rules: Mapping[str, Any]) -> RedactedFields:
    """Redact the fields of a content that may hold a secret."""
    fields, counts = redact.redact_fields(texts, dedup_key, Rules(**rules))
    return {"fields": fields, "counts": dict(counts)}


class Job(NamedTuple):
    work: Callable[..., Any]
    seconds: int
    """Processor time, for a short text; several times of what the most expensive one takes."""


JOBS: Final[Mapping[str, Job]] = {
    job.work.__name__: job
    for job in [
        Job(redact_fields, seconds=2),
    ]
}


def rule_values(rules: Rules) -> dict[str, Any]:
    """Return rules as a job gets them."""
    return asdict(rules)


def processor_seconds(name: str, size: int) -> int:
    """Return the processor time that a job may take, by its kind and the bytes of its frame."""
    return JOBS[name].seconds + size // BYTES_PER_SECOND


def encoded(value: object) -> bytes:
    """Return a frame."""
    # A surrogate without its pair is no UTF-8, and occurs in the texts of authors.
    content = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(errors="surrogatepass")
    return len(content).to_bytes(HEAD, "big") + content


def decoded(content: bytes | bytearray) -> Any:  # noqa: ANN401 - any JSON
    """Return the value of a frame without its head."""
    return json.loads(content.decode(errors="surrogatepass"))
