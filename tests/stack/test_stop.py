"""An operator that is stopped or killed: what runs is finished or made again, and nothing is lost."""

import pytest

from tests.harness.notifications import fast, notification
from tests.stack.suite import Suite

pytestmark = pytest.mark.xdist_group("fragile")


def test_an_operator_killed_while_delivering_loses_nothing_and_repeats_under_the_same_id(
    fragile: Suite,
) -> None:
    names = []
    for _ in range(8):
        obj = notification(fragile.namespace, channels=["file"], retryPolicy=fast(3))
        names.append(obj["metadata"]["name"])
        fragile.sink.script(
            fragile.namespace, names[-1], "file", {"do": "succeed", "delay": 20}, {"do": "succeed"}
        )
        fragile.cluster.create(obj)
    for name in names:
        fragile.sink.called(fragile.namespace, name)
    fragile.operator.kill()

    for name in names:
        status = fragile.cluster.phase(fragile.namespace, name, "Sent", within=60)["status"]
        assert status["totalAttempts"] == 1
        ids = [call["id"] for call in fragile.sink.calls(fragile.namespace, name)]
        assert len(ids) == 2
        assert len(set(ids)) == 1


@pytest.mark.needs_pod
def test_an_operator_told_to_stop_finishes_what_runs_and_hands_over(fragile: Suite) -> None:
    obj = notification(fragile.namespace, channels=["file"])
    name = obj["metadata"]["name"]
    fragile.sink.script(fragile.namespace, name, "file", {"do": "succeed", "delay": 3})
    fragile.cluster.create(obj)
    fragile.sink.called(fragile.namespace, name)
    stopped = fragile.operator.pod
    fragile.cluster.core.delete_namespaced_pod(stopped.name, stopped.namespace)

    status = fragile.cluster.phase(fragile.namespace, name, "Sent", within=20)["status"]
    assert status["totalAttempts"] == 1
    after = notification(fragile.namespace, channels=["file"])
    fragile.cluster.create(after)
    fragile.cluster.phase(fragile.namespace, after["metadata"]["name"], "Sent", within=30)
    assert len(fragile.sink.calls(fragile.namespace, name)) == 1
