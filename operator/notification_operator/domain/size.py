"""The size of a notification. A stored one can be larger than the schema admits, which has not always had bounds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from notification_contract import bounds

if TYPE_CHECKING:
    from collections.abc import Mapping

REFERENCE = 4096
LINK = 8192
RECIPIENT = 4096
LIMITS: Final[Mapping[str, int]] = {
    "subject": bounds.SUBJECT,
    "body": bounds.BODY,
    "metadata": bounds.METADATA_ENTRIES * (bounds.METADATA_NAME + bounds.METADATA_VALUE),
    "actionLinks": bounds.ACTION_LINKS * LINK,
    "recipients": bounds.RECIPIENTS * RECIPIENT,
    "remediationRequestRef": REFERENCE,
}
"""Characters of each field of the spec, names included: at least as many as the schema admits."""
LABELS: Final = 65_536
"""Characters of all labels; the API server bounds each of them, and not their number."""


def too_large(meta: Mapping[str, Any], spec: Mapping[str, Any]) -> str:
    """Return which field is too large to be delivered, and what to do; empty for what the schema admits."""
    for name, limit in LIMITS.items():
        size = characters(spec.get(name))
        if size > limit:
            return _refusal(f"spec.{name}", size, limit)
    size = characters(meta.get("labels"))
    return _refusal("metadata.labels", size, LABELS) if size > LABELS else ""


def characters(value: object) -> int:
    """Return the characters of all texts of a JSON value, including the names of its fields."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        return sum(len(name) + characters(each) for name, each in value.items())
    return sum(map(characters, value)) if isinstance(value, list) else 0


def _refusal(name: str, size: int, limit: int) -> str:
    return (
        f"{name} has {size} characters, but at most {limit} are delivered; "
        "create a NotificationRequest with less text"
    )
