"""An operator that is stopped or killed: running deliveries finish or are repeated, and nothing is lost."""

import pytest

from tests.harness.notifications import fast, notification
from tests.harness.operator_under_test import OperatorUnderTest


def test_killed_operator_repeats_its_delivery_with_the_same_id(
    stoppable_operator: OperatorUnderTest,
) -> None:
    names = []
    for _ in range(8):
        obj = notification(stoppable_operator.namespace, channels=["file"], retryPolicy=fast(3))
        names.append(obj["metadata"]["name"])
        stoppable_operator.sink.script(
            stoppable_operator.namespace, names[-1], "file", {"do": "never"}, {"do": "succeed"}
        )
        stoppable_operator.cluster.create(obj)
    for name in names:
        stoppable_operator.sink.called(stoppable_operator.namespace, name)
    stoppable_operator.workload.kill()

    for name in names:
        status = stoppable_operator.cluster.phase(stoppable_operator.namespace, name, "Sent", within=60)[
            "status"
        ]
        assert status["totalAttempts"] == 1
        ids = [call["id"] for call in stoppable_operator.sink.calls(stoppable_operator.namespace, name)]
        assert len(ids) == 2
        assert len(set(ids)) == 1


@pytest.mark.needs_pod
def test_stopping_operator_finishes_running_deliveries_and_hands_over(
    stoppable_operator: OperatorUnderTest,
) -> None:
    obj = notification(stoppable_operator.namespace, channels=["file"])
    name = obj["metadata"]["name"]
    stoppable_operator.sink.script(stoppable_operator.namespace, name, "file", {"do": "succeed", "delay": 3})
    stoppable_operator.cluster.create(obj)
    stoppable_operator.sink.called(stoppable_operator.namespace, name)
    stopped = stoppable_operator.workload.pod
    stoppable_operator.cluster.core.delete_namespaced_pod(stopped.name, stopped.namespace)

    status = stoppable_operator.cluster.phase(stoppable_operator.namespace, name, "Sent", within=20)["status"]
    assert status["totalAttempts"] == 1
    after = notification(stoppable_operator.namespace, channels=["file"])
    stoppable_operator.cluster.create(after)
    stoppable_operator.cluster.phase(
        stoppable_operator.namespace, after["metadata"]["name"], "Sent", within=30
    )
    assert len(stoppable_operator.sink.calls(stoppable_operator.namespace, name)) == 1
