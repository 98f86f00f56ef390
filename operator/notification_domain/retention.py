"""The time at which a finished notification may be deleted."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from notification_domain.folding.outcome import DEAD_LETTER_PHASES
from notification_domain.json_values import mapping
from notification_domain.status import FINAL, Status, phase_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

DEFAULT_DAYS: Final = 7
"""Retention of an object that was stored before the schema had this default."""


def due_at(obj: Mapping[str, Any], *, failed_days: int = 0) -> datetime | None:
    """Return the time at which an object may be deleted; None for never.

    What was not delivered to every target is kept for `failed_days` at least, so that it can be sent again. So is
    what sends it again: a redrive asks whether it exists, and must not send a third time. An object is never due
    before its phase is final, while its deletion is in progress, or when its completion time cannot be read: nothing
    is deleted by a guess.
    """
    phase = phase_of(obj)
    if phase not in FINAL or "deletionTimestamp" in obj["metadata"]:
        return None
    completed = Status.parse(obj).completed_at
    if completed is None:
        return None
    days: int = obj["spec"].get("retentionDays", DEFAULT_DAYS)
    if phase in DEAD_LETTER_PHASES or mapping(obj["spec"].get("replayOf")):
        days = max(days, failed_days)
    return completed + timedelta(days=days)
