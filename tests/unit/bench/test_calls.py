"""Counting one account's requests in an audit log."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from tests.bench.calls import AuditLogTornError, Calls, by_notification, calls, count

if TYPE_CHECKING:
    from pathlib import Path

ACCOUNT, NAMESPACE, OTHERS = "system:serviceaccount:a:operator", "test-1", "test-2"
SINCE = datetime(2026, 1, 1, 12, 0, 0, 500_000, tzinfo=UTC)


def record(**values: Any) -> str:
    target = {
        "resource": "notificationrequests",
        "namespace": NAMESPACE,
        **{key: values.pop(key) for key in ("resource", "subresource", "namespace", "name") if key in values},
    }
    entry = {
        "stage": "ResponseComplete",
        "verb": "get",
        "user": {"username": ACCOUNT},
        "objectRef": target,
        "responseStatus": {"code": 200},
        "requestReceivedTimestamp": "2026-01-01T12:00:01.000000Z",
        **values,
    }
    return json.dumps(entry)


def found_in(*lines: str) -> Calls:
    return count([line.encode() for line in lines], ACCOUNT, (NAMESPACE, OTHERS), SINCE)


def counted(*lines: str) -> dict[str, int]:
    return dict(found_in(*lines).by_verb)


def log(folder: Path, name: str, *lines: str) -> None:
    (folder / name).write_text("".join(f"{line}\n" for line in lines), "utf-8")


def test_requests_are_counted_by_verb_and_resource() -> None:
    result = found_in(
        record(),
        record(namespace=OTHERS),
        record(verb="update", subresource="status"),
        record(verb="create", resource="events"),
    )
    assert result.by_verb == {
        "create events": 1,
        "get notificationrequests": 2,
        "update notificationrequests/status": 1,
    }
    assert (result.total, result.conflicts) == (4, 0)


def test_request_with_a_conflict_counts() -> None:
    result = found_in(record(verb="update", subresource="status", responseStatus={"code": 409}))
    assert (result.total, result.conflicts) == (1, 1)


def test_request_without_a_response_counts() -> None:
    line = json.loads(record())
    del line["responseStatus"]
    assert counted(json.dumps(line)) == {"get notificationrequests": 1}


def test_requests_of_others_elsewhere_or_earlier_do_not_count() -> None:
    assert not counted(
        record(user={"username": "system:admin"}),
        record(user={}),
        record(namespace="test-12"),
        record(requestReceivedTimestamp="2026-01-01T12:00:00.499999Z"),
        record(stage="ResponseStarted"),
    )


def test_requests_without_a_namespace_do_not_count() -> None:
    line = json.loads(record(verb="watch"))
    del line["objectRef"]["namespace"]
    bare = json.loads(record())
    del bare["objectRef"]
    assert not counted(json.dumps(line), json.dumps(bare))


def test_rotated_files_of_the_log_count_and_others_do_not(tmp_path: Path) -> None:
    early = record(requestReceivedTimestamp="2026-01-01T11:00:00.000000Z")
    log(tmp_path, "audit-2026-01-01T12-00-01.000.log", early, record())
    log(tmp_path, "audit.log", record(), record(user={"username": "system:admin"}))
    log(tmp_path, "etcd.log", record())
    assert calls(tmp_path, ACCOUNT, [NAMESPACE], SINCE).by_verb == {"get notificationrequests": 2}


def test_empty_rotated_file_is_skipped(tmp_path: Path) -> None:
    early = record(requestReceivedTimestamp="2026-01-01T11:00:00.000000Z")
    log(tmp_path, "audit-2026-01-01T12-00-01.000.log", early, record())
    log(tmp_path, "audit.log")
    assert calls(tmp_path, ACCOUNT, [NAMESPACE], SINCE).total == 1


def test_log_that_begins_too_late_is_an_error(tmp_path: Path) -> None:
    log(tmp_path, "audit.log", record())
    with pytest.raises(
        AuditLogTornError, match=r"begins at 2026-01-01T12:00:01.*, after 2026-01-01T12:00:00"
    ):
        calls(tmp_path, ACCOUNT, [NAMESPACE], SINCE)


def test_empty_log_is_an_error(tmp_path: Path) -> None:
    log(tmp_path, "audit.log")
    with pytest.raises(AuditLogTornError, match="is empty"):
        calls(tmp_path, ACCOUNT, [NAMESPACE], SINCE)


def test_requests_are_counted_for_each_notification(tmp_path: Path) -> None:
    early = record(requestReceivedTimestamp="2026-01-01T12:00:00.000000Z")
    lines = (
        record(name="a"),
        record(name="a", verb="update", subresource="status", responseStatus={"code": 409}),
        record(name="b"),
        record(name="b", namespace=OTHERS),
        record(name="b", resource="events", verb="create"),
        record(verb="list"),
    )
    log(tmp_path, "audit.log", early, *lines)
    counted = by_notification(tmp_path, ACCOUNT, NAMESPACE, SINCE)
    assert counted == {"a": {"get": 1, "update": 1}, "b": {"get": 1}}
