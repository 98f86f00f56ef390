"""Finished notifications: they cost nothing, can be selected, and are deleted after their retention."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tests.harness.eventually import eventually, steadily
from tests.harness.notifications import notification, slack_notification
from tests.stack.operators import Operators

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.harness.cluster import Cluster, Object
    from tests.harness.operator_under_test import OperatorUnderTest
    from tests.harness.place import EphemeralStack

DELETED = "kubernaut_notification_retention_deleted_total"


@pytest.fixture
def sweeping_operator(
    stack: EphemeralStack, cluster: Cluster, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[OperatorUnderTest]:
    """Give an operator of this test, a process that sweeps every two seconds."""
    monkeypatch.setenv("NOTIFICATION_RETENTION__INTERVAL_SECONDS", "2")
    with contextlib.ExitStack() as cleanup:
        operators = Operators("process", stack, cluster, cleanup)
        with operators.under_test("shipped", request.node) as operator:
            yield operator


def finish(operator: OperatorUnderTest, ago: timedelta, days: int = 7) -> Object:
    """Deliver a notification, and set its completion time back."""
    obj = operator.create(notification(operator.namespace, retentionDays=days))
    operator.status(obj, "Sent")
    then = datetime.now(UTC) - ago
    operator.cluster.write_status(
        operator.namespace, obj["metadata"]["name"], completionTime=then.isoformat()
    )
    return obj


def existing_names(operator: OperatorUnderTest) -> set[str]:
    return {obj["metadata"]["name"] for obj in operator.cluster.all(operator.namespace)}


def test_retention_deletes_expired_notifications_only(sweeping_operator: OperatorUnderTest) -> None:
    young = finish(sweeping_operator, timedelta(days=6, hours=23))
    long = finish(sweeping_operator, timedelta(days=8), days=9)
    unfinished = slack_notification(sweeping_operator.namespace)
    sweeping_operator.slack.answer(unfinished, {"delay": 8})
    unfinished = sweeping_operator.create(unfinished)
    over = [
        finish(sweeping_operator, timedelta(days=7, minutes=1)),
        finish(sweeping_operator, timedelta(days=2), days=1),
    ]

    kept = {obj["metadata"]["name"] for obj in (young, long, unfinished)}
    eventually(lambda: existing_names(sweeping_operator), lambda names: names == kept, within=15)

    steadily(lambda: existing_names(sweeping_operator), lambda names: names == kept, during=5, every=0.5)
    assert sweeping_operator.metric(DELETED) == len(over)
    for obj in over:
        records = [
            entry for entry in sweeping_operator.records(obj) if "retention expired" in str(entry["event"])
        ]
        assert len(records) == 1
    assert sweeping_operator.errors() == ""


def test_operator_start_neither_reads_nor_watches_final_notifications(
    sweeping_operator: OperatorUnderTest,
) -> None:
    finished = [sweeping_operator.create(notification(sweeping_operator.namespace)) for _ in range(20)]
    for obj in finished:
        sweeping_operator.status(obj, "Sent")
    before = {obj["metadata"]["name"]: sweeping_operator.api_calls(obj) for obj in finished}

    sweeping_operator.workload.restart()
    sweeping_operator.deliver(notification(sweeping_operator.namespace), "Sent")

    assert {obj["metadata"]["name"]: sweeping_operator.api_calls(obj) for obj in finished} == before
    assert all(before.values())


def test_notifications_can_be_selected_by_phase(shipped_operator: OperatorUnderTest) -> None:
    sent = shipped_operator.create(notification(shipped_operator.namespace))
    shipped_operator.status(sent, "Sent")
    slow = slack_notification(shipped_operator.namespace)
    shipped_operator.slack.answer(slow, {"held": True})
    slow = shipped_operator.create(slow)
    shipped_operator.status(slow, "Sending")

    def chosen(selector: str) -> list[str]:
        where = f"/apis/kubernaut.ai/v1alpha1/namespaces/{shipped_operator.namespace}/notificationrequests"
        result = shipped_operator.cluster.request("GET", f"{where}?fieldSelector={selector}")["items"]
        return [obj["metadata"]["name"] for obj in result]

    assert chosen("status.phase%3DSent") == [sent["metadata"]["name"]]
    assert chosen("status.phase%21%3DSent") == [slow["metadata"]["name"]]
    shipped_operator.slack.answer(slow)
