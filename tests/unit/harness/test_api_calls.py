"""The operator's API calls of one notification, read from an audit log that is written after the response."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.harness.operator_under_test import OperatorUnderTest

ACCOUNT = "system:serviceaccount:home:operator"
PLACE = {"namespace": "ns", "name": "n"}


def record(verb: str, at: str, *, code: int = 200, user: str = ACCOUNT) -> dict[str, Any]:
    target = {**PLACE, "subresource": "status"} if verb == "update" else PLACE
    return {
        "verb": verb,
        "user": {"username": user},
        "objectRef": target,
        "requestReceivedTimestamp": f"2026-01-01T12:00:{at}Z",
        "responseStatus": {"code": code},
    }


READ, CONFLICT = record("get", "01.000000"), record("update", "02.200000", code=409)
FIRST, FINAL = record("update", "01.500000"), record("update", "02.300000")
OTHER = record("update", "02.400000", user="admin")


def operator(status: dict[str, Any] | None, *logs: list[dict[str, Any]]) -> OperatorUnderTest:
    """Return an operator whose notification has a status, and whose log grows from reading to reading."""
    readings = iter(logs)
    stored = None if status is None else {"metadata": PLACE, "status": status}
    parts = {
        "cluster": SimpleNamespace(get=lambda *_place: stored),
        "workload": SimpleNamespace(
            account=ACCOUNT, node=SimpleNamespace(audited=lambda _name: next(readings))
        ),
    }
    fields = dict.fromkeys(OperatorUnderTest.__dataclass_fields__)
    return OperatorUnderTest(**cast("Any", {**fields, **parts}))


SENT = {"phase": "Sent", "completionTime": "2026-01-01T12:00:02.100000Z"}


def test_write_of_the_final_phase_is_waited_for() -> None:
    growing = ([READ, FIRST], [READ, FIRST, CONFLICT], [READ, FIRST, CONFLICT, OTHER])
    seen = operator(SENT, *growing, [READ, FIRST, CONFLICT, FINAL, OTHER]).api_calls({"metadata": PLACE})
    assert seen == ["get", "update status", "update status", "update status"]


@pytest.mark.parametrize("status", [None, {"phase": "Sending"}], ids=["deleted", "not final"])
def test_calls_of_an_unfinished_notification_are_read_once(status: dict[str, Any] | None) -> None:
    assert operator(status, [READ, FIRST]).api_calls({"metadata": PLACE}) == ["get", "update status"]
