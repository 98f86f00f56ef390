"""Counting one account's requests in an audit log."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from tests.bench.calls import AuditLogTornError, Calls, calls

if TYPE_CHECKING:
    from pathlib import Path

ACCOUNT, NAMESPACE = "system:serviceaccount:a:operator", "test-1"
SINCE = datetime(2026, 1, 1, 12, 0, 0, 500_000, tzinfo=UTC)


def record(**values: Any) -> str:
    target = {"resource": "notificationrequests", "namespace": NAMESPACE}
    target |= {
        key: values.pop(key) for key in ("resource", "subresource", "namespace", "name") if key in values
    }
    entry = {
        "stage": "ResponseComplete",
        "verb": "get",
        "user": {"username": ACCOUNT},
        "objectRef": target,
        "requestReceivedTimestamp": "2026-01-01T12:00:01.000000Z",
        **values,
    }
    return json.dumps(entry)


def counted(folder: Path, *lines: str) -> Calls:
    """Count in a log that begins in time."""
    log(folder, "audit.log", EARLY, *lines)
    return calls(folder, ACCOUNT, NAMESPACE, SINCE)


def log(folder: Path, name: str, *lines: str) -> None:
    (folder / name).write_text("".join(f"{line}\n" for line in lines), "utf-8")


EARLY = record(requestReceivedTimestamp="2026-01-01T12:00:00.000000Z")


def test_requests_are_counted_by_verb_and_notification(tmp_path: Path) -> None:
    result = counted(
        tmp_path,
        record(name="a"),
        record(name="b"),
        record(name="a", verb="update", subresource="status", responseStatus={"code": 409}),
        record(name="a", verb="create", resource="events"),
        record(verb="list"),
    )
    assert result.by_verb == {
        "create events": 1,
        "get notificationrequests": 2,
        "list notificationrequests": 1,
        "update notificationrequests/status": 1,
    }
    assert (result.total, result.most) == (5, 2)


def test_requests_of_others_elsewhere_or_earlier_do_not_count(tmp_path: Path) -> None:
    cluster_wide, bare = json.loads(record(verb="watch")), json.loads(record())
    del cluster_wide["objectRef"]["namespace"]
    del bare["objectRef"]
    result = counted(
        tmp_path,
        record(user={"username": "system:admin"}),
        record(user={}),
        record(namespace="test-12"),
        record(requestReceivedTimestamp="2026-01-01T12:00:00.499999Z"),
        record(stage="ResponseStarted"),
        json.dumps(cluster_wide),
        json.dumps(bare),
    )
    assert result == Calls(by_verb={}, most=0)


def test_rotated_files_of_the_log_count_and_others_do_not(tmp_path: Path) -> None:
    log(tmp_path, "audit-2026-01-01T12-00-01.000.log", EARLY, record())
    log(tmp_path, "audit-2026-01-01T12-00-02.000.log")
    log(tmp_path, "audit.log", record())
    log(tmp_path, "etcd.log", record())
    assert calls(tmp_path, ACCOUNT, NAMESPACE, SINCE).total == 2


@pytest.mark.parametrize(
    ("lines", "message"),
    [((record(),), r"begins at 2026-01-01T12:00:01.*, after 2026-01-01T12:00:00"), ((), "is empty")],
)
def test_log_that_begins_too_late_is_an_error(tmp_path: Path, lines: tuple[str, ...], message: str) -> None:
    log(tmp_path, "audit.log", *lines)
    with pytest.raises(AuditLogTornError, match=message):
        calls(tmp_path, ACCOUNT, NAMESPACE, SINCE)
