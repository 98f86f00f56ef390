"""The operator as a pod: its calls, its probes, its size."""

from tests.harness.notifications import notification
from tests.stack.suite import HEALTH, METRICS, Suite

MEGABYTE = 1024 * 1024


def test_a_quick_notification_costs_one_read_and_one_write_and_is_touched_by_nothing_else(
    served: Suite,
) -> None:
    objects = [served.deliver(notification(served.namespace), "Sent", within=10) for _ in range(10)]

    calls = [served.api_calls(obj) for obj in objects]
    assert calls == [["get", "update status"]] * 10

    stored = served.stored(objects[0])
    assert "annotations" not in stored["metadata"]
    assert "finalizers" not in stored["metadata"]
    managers = {entry["manager"]: entry.get("subresource") for entry in stored["metadata"]["managedFields"]}
    assert list(managers.values()).count("status") == 1


def test_probes_and_metrics_tell_the_truth_of_a_working_operator(served: Suite) -> None:
    assert "ok: watches" in served.operator.page(HEALTH, "readyz")
    assert "ok: work queue" in served.operator.page(HEALTH, "healthz")
    assert 'kubernaut_notification_reconciler_active{phase="Sending"}' in served.operator.page(
        METRICS, "metrics"
    )


def test_the_operator_is_small(served: Suite) -> None:
    assert served.metric("process_resident_memory_bytes") <= 90 * MEGABYTE
