"""Collects the evidence of a failed test before its namespace is deleted: objects, Events, the operator's log."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import yaml

from tests.harness.report.records import Evidence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tests.harness.cluster import Object
    from tests.harness.gateway import Gateway
    from tests.harness.operator_under_test import OperatorUnderTest

LONGEST_LINE = 2_000
MOST_LINES = 1_000


def gather(fixtures: Iterable[object], since: float) -> list[Evidence]:
    """Return the evidence of every operator of a test, and of the gateway; `since` is its start, in seconds of the epoch."""
    # Imported late: it takes a second, and most runs need no evidence.
    from tests.harness.gateway import Gateway  # noqa: PLC0415
    from tests.harness.operator_under_test import OperatorUnderTest  # noqa: PLC0415
    from tests.harness.receivers import Receivers  # noqa: PLC0415

    evidence = []
    for fixture in fixtures:
        match fixture:
            case OperatorUnderTest():
                evidence.append(_of(fixture, since))
            case Gateway():
                evidence.append(_of_gateway(fixture, since))
            case Receivers():
                evidence.append(Evidence(objects=_yaml(fixture.objects)))
    return evidence


def _of(operator: OperatorUnderTest, since: float) -> Evidence:
    return Evidence(
        objects=_yaml(lambda: operator.cluster.all(operator.namespace)),
        events=_read(lambda: "\n".join(_events(operator))),
        log=_read(lambda: "\n".join(_log(operator, since))),
    )


def _of_gateway(gateway: Gateway, since: float) -> Evidence:
    start = datetime.fromtimestamp(since, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return Evidence(objects=_yaml(gateway.objects), log=_read(lambda: gateway.log(start)))


def _read(look: Callable[[], str]) -> str:
    """Return the text; an unreachable cluster must not hide why the test failed."""
    try:
        # Lone surrogates cannot be sent between processes.
        return look().encode("utf-8", "backslashreplace").decode()
    except Exception as error:  # noqa: BLE001 - reported instead of the evidence
        return f"(not available: {error!r})"


def _yaml(listing: Callable[[], list[Object]]) -> str:
    """Return objects as YAML, without the fields that the API server manages."""

    def text() -> str:
        objects = listing()
        for obj in objects:
            obj["metadata"].pop("managedFields", None)
        written: str = yaml.safe_dump(objects, sort_keys=False, allow_unicode=True)
        return written

    return _read(text)


def _events(operator: OperatorUnderTest) -> list[str]:
    items = operator.cluster.request("GET", f"/apis/events.k8s.io/v1/namespaces/{operator.namespace}/events")[
        "items"
    ]
    return [
        f"{event['eventTime'] or ''} {event['type']} {event['reason']} {event['regarding']['name']}: {event['note']}"
        for event in sorted(items, key=lambda event: str(event["eventTime"]))
    ]


def _log(operator: OperatorUnderTest, since: float) -> list[str]:
    start = datetime.fromtimestamp(since, UTC).isoformat()
    span = [record for record in operator.records() if record.get("timestamp", "") >= start]
    omitted = [f"({len(span) - MOST_LINES} earlier records omitted)"] if len(span) > MOST_LINES else []
    return omitted + [_cut(json.dumps(record, ensure_ascii=False)) for record in span[-MOST_LINES:]]


def _cut(line: str) -> str:
    return line if len(line) <= LONGEST_LINE else f"{line[:LONGEST_LINE]}… ({len(line)} characters)"
