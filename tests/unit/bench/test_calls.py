"""Counting one account's requests in an audit log."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from tests.bench.calls import count

ACCOUNT, NAMESPACE = "system:serviceaccount:a:operator", "test-1"
SINCE = datetime(2026, 1, 1, 12, 0, 0, 500_000, tzinfo=UTC)


def record(**given: Any) -> str:
    target = {
        "resource": "notificationrequests",
        "namespace": NAMESPACE,
        **{key: given.pop(key) for key in ("resource", "subresource", "namespace") if key in given},
    }
    entry = {
        "stage": "ResponseComplete",
        "verb": "get",
        "user": {"username": ACCOUNT},
        "objectRef": target,
        "responseStatus": {"code": 200},
        "requestReceivedTimestamp": "2026-01-01T12:00:01.000000Z",
        **given,
    }
    return json.dumps(entry)


def counted(*lines: str) -> dict[str, int]:
    return dict(count(lines, ACCOUNT, NAMESPACE, SINCE).by_verb)


def test_requests_are_counted_by_verb_and_resource() -> None:
    found = count(
        [
            record(),
            record(),
            record(verb="update", subresource="status"),
            record(verb="create", resource="events"),
        ],
        ACCOUNT,
        NAMESPACE,
        SINCE,
    )
    assert found.by_verb == {
        "create events": 1,
        "get notificationrequests": 2,
        "update notificationrequests/status": 1,
    }
    assert (found.total, found.conflicts) == (4, 0)


def test_a_request_that_met_a_conflict_is_a_call_too() -> None:
    lines = [record(verb="update", subresource="status", responseStatus={"code": 409})]
    found = count(lines, ACCOUNT, NAMESPACE, SINCE)
    assert (found.total, found.conflicts) == (1, 1)


def test_a_request_whose_answer_never_came_is_a_call_too() -> None:
    line = json.loads(record())
    del line["responseStatus"]
    assert counted(json.dumps(line)) == {"get notificationrequests": 1}


def test_what_others_asked_or_asked_elsewhere_or_earlier_is_left_out() -> None:
    assert not counted(
        record(user={"username": "system:admin"}),
        record(user={}),
        # A name that the grep for the namespace finds as well.
        record(namespace="test-12"),
        record(requestReceivedTimestamp="2026-01-01T12:00:00.499999Z"),
        record(stage="ResponseStarted"),
    )


def test_requests_without_a_namespace_are_left_out() -> None:
    line = json.loads(record(verb="watch"))
    del line["objectRef"]["namespace"]
    bare = json.loads(record())
    del bare["objectRef"]
    assert not counted(json.dumps(line), json.dumps(bare))
