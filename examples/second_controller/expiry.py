"""The conditions of a certificate at a time, and when they change by themselves.

Pure: the time is an argument, and the object is the only input. So `apply` may call it any number of times
(DD-STATUS-001).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from atomic_status import JsonObject


class Dates(NamedTuple):
    """The moments at which a condition changes, in order."""

    begins: datetime
    warns: datetime
    ends: datetime


def next_status(certificate: JsonObject, now: datetime) -> JsonObject:
    """Return the status with both conditions as they are now; other fields stay."""
    begins, warns, ends = dates(certificate)
    early, soon, late = now < begins, now >= warns, now >= ends
    valid = "NotYetValid" if early else "Expired" if late else "WithinItsDates"
    expires = f"The certificate is good until {ends:%Y-%m-%d %H:%M} UTC."
    updates = (
        (
            "Valid",
            not early and not late,
            valid,
            f"The certificate is good from {begins:%Y-%m-%d %H:%M} UTC.",
        ),
        ("ExpiresSoon", soon, "WarningDaysBegan" if soon else "TimeLeft", expires),
    )
    status: JsonObject = certificate.get("status", {})
    conditions = {condition["type"]: condition for condition in status.get("conditions", ())}
    for kind, holds, reason, message in updates:
        before = conditions.get(kind, {})
        same = before.get("status") == str(holds)
        conditions[kind] = {
            "type": kind,
            "status": str(holds),
            "reason": reason,
            "message": message,
            "observedGeneration": certificate["metadata"]["generation"],
            "lastTransitionTime": before["lastTransitionTime"] if same else f"{now:%Y-%m-%dT%H:%M:%SZ}",
        }
    return {**status, "conditions": list(conditions.values())}


def seconds_left(certificate: JsonObject, now: datetime) -> float | None:
    """Return the seconds until a condition changes by itself, or None if none ever does."""
    return min(((date - now).total_seconds() for date in dates(certificate) if date > now), default=None)


def dates(certificate: JsonObject) -> Dates:
    """Read the dates of a certificate; the schema guarantees that they exist and are in order."""
    spec: dict[str, Any] = certificate["spec"]
    begins, ends = (datetime.fromisoformat(spec[key]) for key in ("notBefore", "notAfter"))
    return Dates(begins, ends - timedelta(days=spec["warningDays"]), ends)
