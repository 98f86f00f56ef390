"""Gathers what a failed test leaves, before its namespace goes: objects, Events, the operator's log of that time."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import yaml

from tests.harness.report.records import Evidence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tests.stack.operator_under_test import OperatorUnderTest

LONGEST_LINE = 2_000
MOST_LINES = 1_000


def gather(fixtures: Iterable[object], since: float) -> list[Evidence]:
    """Return the evidence of every operator that a test had; `since` is its start, in seconds of the epoch."""
    # Imported late: what a suite needs takes a second, and most runs have nothing to gather.
    from tests.stack.operator_under_test import OperatorUnderTest  # noqa: PLC0415

    return [_of(fixture, since) for fixture in fixtures if isinstance(fixture, OperatorUnderTest)]


def _of(suite: OperatorUnderTest, since: float) -> Evidence:
    return Evidence(
        objects=_told(lambda: yaml.safe_dump(_objects(suite), sort_keys=False, allow_unicode=True)),
        events=_told(lambda: "\n".join(_events(suite))),
        log=_told(lambda: "\n".join(_log(suite, since))),
    )


def _told(look: Callable[[], str]) -> str:
    """Return what is found; a cluster that does not answer must not hide why the test failed."""
    try:
        # Lone surrogates cannot travel between processes.
        return look().encode("utf-8", "backslashreplace").decode()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told
        return f"(cannot be had: {error!r})"


def _objects(suite: OperatorUnderTest) -> list[object]:
    found = suite.cluster.all(suite.namespace)
    for obj in found:
        obj["metadata"].pop("managedFields", None)
    return list(found)


def _events(suite: OperatorUnderTest) -> list[str]:
    items = suite.cluster.request("GET", f"/apis/events.k8s.io/v1/namespaces/{suite.namespace}/events")[
        "items"
    ]
    return [
        f"{event['eventTime'] or ''} {event['type']} {event['reason']} {event['regarding']['name']}: {event['note']}"
        for event in sorted(items, key=lambda event: str(event["eventTime"]))
    ]


def _log(suite: OperatorUnderTest, since: float) -> list[str]:
    start = datetime.fromtimestamp(since, UTC).isoformat()
    span = [record for record in suite.records() if record.get("timestamp", "") >= start]
    left_out = [f"({len(span) - MOST_LINES} earlier records are left out)"] if len(span) > MOST_LINES else []
    return left_out + [_cut(json.dumps(record, ensure_ascii=False)) for record in span[-MOST_LINES:]]


def _cut(line: str) -> str:
    return line if len(line) <= LONGEST_LINE else f"{line[:LONGEST_LINE]}… ({len(line)} characters)"
