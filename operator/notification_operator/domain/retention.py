"""When a notification has been kept long enough: its completion plus the days that its spec asks for."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from notification_operator.domain.phases import FINAL
from notification_operator.domain.text.timestamps import parse_time

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

DEFAULT_DAYS: Final = 7
"""For an object that was stored before the schema had this default."""


def due_at(obj: Mapping[str, Any]) -> datetime | None:
    """Return when an object may be deleted; None for never.

    Never is what is not final, what somebody deletes already, and what does not tell when it ended:
    an object is not deleted by a guess.
    """
    status = obj.get("status") or {}
    if status.get("phase") not in FINAL or "deletionTimestamp" in obj["metadata"]:
        return None
    try:
        completed = parse_time(status["completionTime"])
    except (KeyError, TypeError, ValueError):
        return None
    return completed + timedelta(days=obj["spec"].get("retentionDays", DEFAULT_DAYS))
