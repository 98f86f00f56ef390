"""The requests of one account about notifications, counted in the API server's audit log."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from pathlib import Path

FILES = "audit*.log"
FINISHED = "ResponseComplete"
CONFLICT = 409
NOTIFICATIONS = "notificationrequests"


class AuditLogTornError(Exception):
    """The audit log no longer has the requested time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """Requests by verb and resource, such as `update notificationrequests/status`."""

    by_verb: Mapping[str, int]
    conflicts: int
    """Rejected because of an earlier write."""

    @property
    def total(self) -> int:
        return sum(self.by_verb.values())


def calls(folder: Path, account: str, namespaces: Collection[str], since: datetime) -> Calls:
    """Return the requests of an account in some namespaces, including rejected ones, from the log in a folder.

    Raises:
        AuditLogTornError: the log starts after `since`.
    """
    return count(_lines(folder, account, since), account, namespaces, since)


def times(folder: Path, account: str, namespace: str, called: str, since: datetime) -> list[datetime]:
    """Return when an account sent the requests of a kind, such as `update notificationreceivers/status`.

    Raises:
        AuditLogTornError: the log starts after `since`.
    """
    entries = map(orjson.loads, _lines(folder, account, since))
    return sorted(
        datetime.fromisoformat(entry["requestReceivedTimestamp"]).astimezone(UTC)
        for entry in entries
        if _is_meant(entry, account, (namespace,), since) and _called(entry) == called
    )


def by_notification(folder: Path, account: str, namespace: str, since: datetime) -> dict[str, Counter[str]]:
    """Return an account's requests about each notification of a namespace, by verb.

    Raises:
        AuditLogTornError: the log starts after `since`.
    """
    result: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for entry in map(orjson.loads, _lines(folder, account, since)):
        if _is_meant(entry, account, (namespace,), since):
            target = entry["objectRef"]
            if target.get("resource") == NOTIFICATIONS and target.get("name"):
                result[target["name"]][entry["verb"]] += 1
    return dict(result)


def _lines(folder: Path, account: str, since: datetime) -> Iterator[bytes]:
    """Return the lines about an account.

    Raises:
        AuditLogTornError: the log starts after `since`.
    """
    files = sorted(folder.glob(FILES))
    oldest = min(filter(None, map(_begin, files)), default=None)
    if oldest is None or oldest > since:
        begins = f"begins at {oldest.isoformat()}" if oldest else "is empty"
        raise AuditLogTornError(f"the audit log {begins}, after {since.isoformat()}")
    return (line for file in files for line in _holding(file, account.encode()))


def _begin(file: Path) -> datetime | None:
    """Return the time of a file's first request, or None if it has none."""
    with file.open("rb") as log:
        first = log.readline()
    return datetime.fromisoformat(orjson.loads(first)["requestReceivedTimestamp"]) if first else None


def _holding(file: Path, word: bytes) -> Iterator[bytes]:
    """Yield the lines that contain a word, which are few and worth decoding."""
    with file.open("rb") as log:
        yield from (line for line in log if word in line)


def count(lines: Iterable[bytes], account: str, namespaces: Collection[str], since: datetime) -> Calls:
    """Count the records of an audit log, one JSON line each."""
    by_verb: Counter[str] = Counter()
    conflicts = 0
    for entry in map(orjson.loads, lines):
        if _is_meant(entry, account, namespaces, since):
            by_verb[_called(entry)] += 1
            conflicts += entry.get("responseStatus", {}).get("code") == CONFLICT
    return Calls(by_verb=dict(sorted(by_verb.items())), conflicts=conflicts)


def _is_meant(entry: Mapping[str, Any], account: str, namespaces: Collection[str], since: datetime) -> bool:
    return (
        entry["stage"] == FINISHED
        and entry["user"].get("username") == account
        and entry.get("objectRef", {}).get("namespace") in namespaces
        and datetime.fromisoformat(entry["requestReceivedTimestamp"]).astimezone(UTC) >= since
    )


def _called(entry: Mapping[str, Any]) -> str:
    target = entry["objectRef"]
    resource = "/".join(filter(None, (target.get("resource"), target.get("subresource"))))
    return f"{entry['verb']} {resource}"
