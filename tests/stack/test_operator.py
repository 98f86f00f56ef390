"""The operator as a pod: its API calls, probes and memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from notification_contract.settings.delivery import Delivery
from tests.harness.notifications import notification
from tests.harness.operator_under_test import HEALTH, METRICS, OperatorUnderTest
from tests.harness.readings import elapsed

if TYPE_CHECKING:
    from tests.harness.cluster import Object

MEGABYTE = 1024 * 1024
ONCE = ["get", "update status"]


def is_quick(obj: Object) -> bool:
    """Return whether a delivery ended before it was shown as Sending, which takes a read and a write more."""
    seconds = elapsed(obj["status"]["queuedAt"], obj["status"]["completionTime"])
    return seconds < Delivery().visible_after_seconds


def test_quick_notification_costs_one_read_and_one_write(
    shipped_operator: OperatorUnderTest,
) -> None:
    objects = [
        shipped_operator.deliver(notification(shipped_operator.namespace), "Sent", within=10)
        for _ in range(10)
    ]

    assert any(map(is_quick, objects))
    for obj in objects:
        calls = shipped_operator.api_calls(obj)
        assert calls == ONCE or (not is_quick(obj) and calls == ONCE * 2), obj["status"]

    stored = shipped_operator.stored(objects[0])
    assert "annotations" not in stored["metadata"]
    assert "finalizers" not in stored["metadata"]
    managers = {entry["manager"]: entry.get("subresource") for entry in stored["metadata"]["managedFields"]}
    assert list(managers.values()).count("status") == 1


def test_probes_and_metrics_of_a_working_operator_report_its_state(
    shipped_operator: OperatorUnderTest,
) -> None:
    assert "ok: watches" in shipped_operator.workload.page(HEALTH, "readyz")
    assert "ok: work queue" in shipped_operator.workload.page(HEALTH, "healthz")
    assert 'kubernaut_notification_reconciler_active{phase="Sending"}' in shipped_operator.workload.page(
        METRICS, "metrics"
    )


def test_operator_uses_little_memory(shipped_operator: OperatorUnderTest) -> None:
    assert shipped_operator.metric("process_resident_memory_bytes") <= 90 * MEGABYTE
