"""A notification as a row of a list. Objects of any version can be shown: nothing that is missing is an error."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from notification_cli.views.text import clean, duration
from notification_operator.domain.status import Phase
from notification_operator.domain.text.timestamps import parse_time

if TYPE_CHECKING:
    from collections.abc import Mapping

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
STYLES: Final[Mapping[str, str]] = {
    Phase.SENT: "green",
    Phase.PARTIALLY_SENT: "yellow",
    Phase.FAILED: "bold red",
    Phase.RETRYING: "yellow",
    Phase.SENDING: "cyan",
    Phase.PENDING: "dim",
}
"""Colors of the phases."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What a list shows of a notification; every text is fit for a terminal."""

    namespace: str
    name: str
    type: str
    priority: str
    phase: str
    attempts: int
    created: datetime
    subject: str
    reason: str
    message: str

    def age(self, now: datetime) -> str:
        """Return the time since its creation."""
        return duration((now - self.created).total_seconds())


def row_of(obj: Mapping[str, Any]) -> Row:
    """Return the row of an object."""
    meta, spec, status = obj["metadata"], obj.get("spec") or {}, obj.get("status") or {}
    return Row(
        namespace=clean(meta.get("namespace", "")),
        name=clean(meta["name"]),
        type=clean(spec.get("type", "")),
        priority=clean(spec.get("priority") or "medium"),
        phase=clean(status.get("phase") or Phase.PENDING),
        attempts=status.get("totalAttempts") or 0,
        created=created_at(obj),
        subject=clean(spec.get("subject", "")),
        reason=clean(status.get("reason", "")),
        message=clean(status.get("message", "")),
    )


def created_at(obj: Mapping[str, Any]) -> datetime:
    """Return the time of creation."""
    text = obj["metadata"].get("creationTimestamp")
    return parse_time(text) if text else EPOCH
