"""Several replicas: of two versions, with lost Leases, and with a leader that freezes."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from tests.chaos.lane import pause
from tests.chaos.scenario import scenario
from tests.chaos.versions import earlier_sources
from tests.harness.eventually import eventually

if TYPE_CHECKING:
    from tests.chaos.stage import Stage

ELECTED = {"operatorLeaderElection": True}
SHARED = {**ELECTED, "operatorShards": 4}


@scenario(
    "An earlier version of the operator leads, and is killed: this version takes over and back", repeats=True
)
def two_versions(stage: Stage) -> None:
    folder = earlier_sources(stage.earlier, stage.cleanup)
    earlier = stage.operator(settings=ELECTED, sources=folder)
    current = stage.operator(settings=ELECTED)
    stage.answer({"code": 503, "delay": 0.3}, {"delay": 0.3}, times=8)
    stage.create(10)
    stage.wait_for_hits(5)
    earlier.end()
    stage.create(5)
    stage.settle(within=60)
    earlier.launch()
    # How many requests the first ten took depends on when the earlier version was killed.
    before = len(stage.hits())
    stage.create(10)
    stage.wait_for_hits(before + 5)
    current.end()
    stage.create(5)


@scenario("Two versions share the work by shards, and exchange it again and again", repeats=True)
def two_versions_with_shards(stage: Stage) -> None:
    folder = earlier_sources(stage.earlier, stage.cleanup)
    operators = [
        stage.operator(settings=SHARED, sources=folder),
        stage.operator(settings=SHARED),
    ]
    stage.answer({"code": 503, "delay": 0.2}, times=8)
    for operator in (*operators, operators[0]):
        stage.create(10)
        pause(2)
        operator.relaunch()
    stage.create(10)


@scenario(
    "The leader's requests for its Lease fail for 20 s during deliveries: another takes over", repeats=True
)
def lost_lease(stage: Stage) -> None:
    leader = stage.operator(settings=ELECTED, proxied=True)
    stage.answer({"code": 503, "delay": 1.0}, {"delay": 1.0}, times=8)
    stage.create(10)
    stage.wait_for_hits(5)
    stage.operator(settings=ELECTED)
    rule = stage.fail(resource="leases", code=500, times=None)
    stage.create(10)
    pause(20)
    rule.remove()
    stage.require(leader.runs, "the leader has ended without its Lease")


@scenario(
    "The leader freezes for 20 s in the middle of deliveries, and wakes up when another leads",
    repeats=True,
    unanswered=True,
)
def frozen_leader(stage: Stage) -> None:
    leader = stage.operator(settings=ELECTED)
    stage.answer({"code": 503, "delay": 0.5}, {"delay": 1.0}, times=8)
    stage.create(10)
    stage.wait_for_hits(5)
    stage.operator(settings=ELECTED)
    leader.signal(signal.SIGSTOP)
    pause(20)
    leader.signal(signal.SIGCONT)
    stage.create(5)


@scenario("Three replicas share the work by shards, and each is killed in turn", repeats=True)
def killed_shards(stage: Stage) -> None:
    operators = [stage.operator(settings=SHARED) for _ in range(3)]
    stage.answer({"code": 503, "delay": 0.2}, {"delay": 0.2}, times=8)
    for operator in operators:
        stage.create(10)
        pause(stage.random.uniform(0.5, 3))
        operator.end()
        pause(2)
        operator.launch()


@scenario("The Lease is deleted again and again by somebody else", repeats=True)
def deleted_lease(stage: Stage) -> None:
    stage.operator(settings=ELECTED)
    stage.operator(settings=ELECTED)
    stage.answer({"code": 503, "delay": 0.3}, {"delay": 0.3}, times=8)
    path = f"/apis/coordination.k8s.io/v1/namespaces/{stage.home}/leases"
    for _ in range(4):
        stage.create(5)
        stage.cluster.text("DELETE", path)
        pause(3)
    eventually(lambda: stage.cluster.request("GET", path)["items"], bool, within=30)
