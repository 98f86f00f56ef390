"""The requests of one account about notifications, counted in the API server's own audit log."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tests.support.node import Node

FILES = "/var/log/kubernetes/audit*.log"
OLDEST = f'head -qn1 {FILES} | grep -o \'"requestReceivedTimestamp":"[^"]*"\' | sort | head -n1'
MATCHING = f'grep -hF -- "$1" {FILES} | grep -F -- "$2" || true'
FINISHED = "ResponseComplete"
CONFLICT = 409


class AuditLogTornError(Exception):
    """The API server has thrown away records of the time that is asked about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """Requests by verb and resource, such as `update notificationrequests/status`."""

    by_verb: Mapping[str, int]
    conflicts: int
    """Those that another write had come before."""

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.by_verb.values())


def calls(node: Node, account: str, namespace: str, since: datetime) -> Calls:
    """Return what an account has asked about a namespace, refused requests included.

    Raises:
        AuditLogTornError: the log does not reach back to `since`.
    """
    oldest = node.run(OLDEST).partition(':"')[2].strip().strip('"')
    if datetime.fromisoformat(oldest) > since:
        raise AuditLogTornError(f"the audit log begins at {oldest}, after {since.isoformat()}")
    return count(node.run(MATCHING, account, namespace).splitlines(), account, namespace, since)


def count(lines: Iterable[str], account: str, namespace: str, since: datetime) -> Calls:
    """Count the records of an audit log, each a line of JSON."""
    by_verb: Counter[str] = Counter()
    conflicts = 0
    for entry in map(orjson.loads, lines):
        if _is_meant(entry, account, namespace, since):
            by_verb[_called(entry)] += 1
            conflicts += entry.get("responseStatus", {}).get("code") == CONFLICT
    return Calls(by_verb=dict(sorted(by_verb.items())), conflicts=conflicts)


def _is_meant(entry: Mapping[str, Any], account: str, namespace: str, since: datetime) -> bool:
    return (
        entry["stage"] == FINISHED
        and entry["user"].get("username") == account
        and entry.get("objectRef", {}).get("namespace") == namespace
        and datetime.fromisoformat(entry["requestReceivedTimestamp"]).astimezone(UTC) >= since
    )


def _called(entry: Mapping[str, Any]) -> str:
    target = entry["objectRef"]
    resource = "/".join(filter(None, (target.get("resource"), target.get("subresource"))))
    return f"{entry['verb']} {resource}"
