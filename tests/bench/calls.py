"""The requests of one account about notifications, counted in the API server's audit log."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

FILES = "audit*.log"
FINISHED = "ResponseComplete"
NOTIFICATIONS = "notificationrequests"


class AuditLogTornError(Exception):
    """The audit log no longer has the requested time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """Requests by verb and resource, such as `update notificationrequests/status`."""

    by_verb: Mapping[str, int]
    most: int
    """About one notification."""

    @property
    def total(self) -> int:
        return sum(self.by_verb.values())


def calls(folder: Path, account: str, namespace: str, since: datetime) -> Calls:
    """Return the requests of an account in a namespace, including rejected ones, from the log in a folder."""
    by_verb: Counter[str] = Counter()
    by_name: Counter[str] = Counter()
    for entry in map(orjson.loads, _lines(folder, account, since)):
        if _is_meant(entry, account, namespace, since):
            target = entry["objectRef"]
            resource = "/".join(filter(None, (target.get("resource"), target.get("subresource"))))
            by_verb[f"{entry['verb']} {resource}"] += 1
            if target.get("resource") == NOTIFICATIONS and target.get("name"):
                by_name[target["name"]] += 1
    return Calls(by_verb=dict(sorted(by_verb.items())), most=max(by_name.values(), default=0))


def _lines(folder: Path, account: str, since: datetime) -> Iterator[bytes]:
    """Yield the lines about an account, which are few and worth decoding."""
    files = sorted(folder.glob(FILES))
    oldest = min(filter(None, map(_begin, files)), default=None)
    if oldest is None or oldest > since:
        begins = f"begins at {oldest.isoformat()}" if oldest else "is empty"
        raise AuditLogTornError(f"the audit log {begins}, after {since.isoformat()}")
    for file in files:
        with file.open("rb") as log:
            yield from (line for line in log if account.encode() in line)


def _begin(file: Path) -> datetime | None:
    """Return the time of a file's first request, or None if it has none."""
    with file.open("rb") as log:
        first = log.readline()
    return datetime.fromisoformat(orjson.loads(first)["requestReceivedTimestamp"]) if first else None


def _is_meant(entry: Mapping[str, Any], account: str, namespace: str, since: datetime) -> bool:
    return (
        entry["stage"] == FINISHED
        and entry["user"].get("username") == account
        and entry.get("objectRef", {}).get("namespace") == namespace
        and datetime.fromisoformat(entry["requestReceivedTimestamp"]).astimezone(UTC) >= since
    )
