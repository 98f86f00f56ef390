"""The operator as a pod: its calls, its probes, its size, its orderly stop."""

import json
from datetime import UTC, datetime

from tests.stack.suite import HEALTH, METRICS, Suite
from tests.support.notifications import notification

MEGABYTE = 1024 * 1024


def test_a_quick_notification_costs_one_read_and_one_write_and_is_touched_by_nothing_else(
    served: Suite,
) -> None:
    since = datetime.now(UTC)
    names = []
    for _ in range(10):
        obj = notification(served.namespace)
        names.append(obj["metadata"]["name"])
        served.cluster.create(obj)
        served.cluster.phase(served.namespace, names[-1], "Sent", within=10)

    account = f"system:serviceaccount:{served.operator.namespace}:notification-operator"
    calls: dict[str, list[str]] = {name: [] for name in names}
    for line in served.operator.node.audit_log().splitlines():
        entry = json.loads(line)
        target = entry.get("objectRef", {})
        mine = entry["user"].get("username") == account and target.get("namespace") == served.namespace
        if mine and datetime.fromisoformat(entry["requestReceivedTimestamp"]) >= since and target.get("name"):
            calls[target["name"]].append(f"{entry['verb']} {target.get('subresource', '')}".strip())
    assert calls == {name: ["get", "update status"] for name in names}

    stored = served.cluster.get(served.namespace, names[0])
    assert stored is not None
    assert "annotations" not in stored["metadata"]
    assert "finalizers" not in stored["metadata"]
    managers = {entry["manager"]: entry.get("subresource") for entry in stored["metadata"]["managedFields"]}
    assert list(managers.values()).count("status") == 1


def test_probes_and_metrics_tell_the_truth_of_a_working_operator(served: Suite) -> None:
    assert "ok: the watch is established" in served.operator.page(HEALTH, "readyz")
    assert "ok: work queue" in served.operator.page(HEALTH, "healthz")
    assert 'kubernaut_notification_reconciler_active{phase="Sending"}' in served.operator.page(
        METRICS, "metrics"
    )


def test_the_operator_is_small(served: Suite) -> None:
    assert served.metric("process_resident_memory_bytes") <= 90 * MEGABYTE
