"""The operator's process is killed or stopped, at aimed and at random moments."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING, Any

from tests.chaos.lane import pause
from tests.chaos.scenario import scenario
from tests.harness.eventually import eventually

if TYPE_CHECKING:
    from tests.chaos.stage import Stage

RANDOM_KILLS = 8
GROWTH = 40 * 1024 * 1024
"""Bytes of resident memory above which the operator is killed, as a node does that runs out of memory."""
STATUS: dict[str, Any] = {"verb": "update", "subresource": "status"}


@scenario("SIGKILL after the fresh read and before the first call of the receiver")
def kill_before_the_call(stage: Stage) -> None:
    operator = stage.operator(proxied=True)
    stage.fail(
        verb="get", resource="notificationrequests", namespace=stage.namespace, delay_after=20, times=None
    )
    stage.create(5)
    stage.wait_for_request(verb="get", resource="notificationrequests", namespace=stage.namespace)
    stage.end_faults()
    operator.relaunch()


@scenario("SIGKILL while the receiver works on the request", repeats=True)
def kill_during_the_call(stage: Stage) -> None:
    operator = stage.operator()
    stage.always({"delay": 2.0})
    stage.create(5)
    stage.wait_for_hits(5)
    stage.always({})
    operator.relaunch()


@scenario("SIGKILL after the receiver has accepted and before the status is written", repeats=True)
def kill_before_the_write(stage: Stage) -> None:
    operator = stage.operator(proxied=True)
    stage.fail(namespace=stage.namespace, delay=20, times=None, **STATUS)
    stage.create(5)
    stage.wait_for_request(namespace=stage.namespace, count=5, **STATUS)
    stage.end_faults()
    operator.relaunch()


@scenario("SIGKILL during the write: it is applied, and its answer never arrives")
def kill_after_the_write(stage: Stage) -> None:
    operator = stage.operator(proxied=True)
    stage.fail(namespace=stage.namespace, delay_after=20, times=None, **STATUS)
    objects = stage.create(5)
    eventually(
        stage.stored,
        lambda seen: len(seen) == len(objects) and all("completionTime" in obj["status"] for obj in seen),
        within=30,
    )
    stage.end_faults()
    operator.relaunch()


@scenario("SIGKILL while the write waits in the socket of a frozen API server", repeats=True)
def kill_with_a_write_in_flight(stage: Stage) -> None:
    operator = stage.operator()
    stage.always({"delay": 1.0})
    stage.create(5)
    stage.wait_for_hits(5)
    stage.lane.servers.api.freeze()
    pause(2.0)
    operator.end()
    stage.lane.servers.api.thaw()
    operator.launch()


@scenario(f"SIGKILL {RANDOM_KILLS} times at random moments, while notifications keep coming", repeats=True)
def kill_at_random(stage: Stage) -> None:
    operator = stage.operator()
    stage.answer({"code": 503, "delay": 0.2}, {"delay": 0.3}, times=20)
    for _ in range(RANDOM_KILLS):
        stage.create(6)
        pause(stage.random.uniform(0.05, 4.0))
        operator.relaunch()


@scenario("SIGKILL during the backoff: the restart neither forgets the attempts nor starts early")
def kill_during_the_backoff(stage: Stage) -> None:
    operator = stage.operator()
    stage.answer({"code": 503})
    policy = {"maxAttempts": 3, "initialBackoffSeconds": 12, "backoffMultiplier": 1, "maxBackoffSeconds": 60}
    (obj,) = stage.create(1, retryPolicy=policy)
    stage.cluster.phase(stage.namespace, obj["metadata"]["name"], "Sending", within=20)
    eventually(stage.stored, lambda seen: seen[0]["status"].get("totalAttempts") == 1, within=20)
    first = time.time()
    operator.relaunch()
    stage.wait_for_hits(2, within=40)
    stage.require(time.time() - first >= 9, "the second attempt came before the end of its backoff")


@scenario("SIGTERM again and again, each with a restart, while notifications keep coming")
def sigterm_storm(stage: Stage) -> None:
    operator = stage.operator()
    stage.always({"delay": 0.5})
    for _ in range(5):
        stage.create(5)
        pause(stage.random.uniform(0.1, 0.6))
        for _ in range(3):
            operator.signal(signal.SIGTERM)
            pause(0.05)
        code = operator.process.wait(timeout=45)
        stage.require(code == 0, f"the operator ends with {code} after SIGTERM")
        stage.start(operator)


@scenario("SIGTERM, then SIGKILL within the grace period because a receiver hangs", repeats=True)
def sigterm_then_sigkill(stage: Stage) -> None:
    operator = stage.operator(settings={"deliveryTimeoutSeconds": 30})
    stage.always({"never": True})
    stage.create(5)
    stage.wait_for_hits(5)
    operator.signal(signal.SIGTERM)
    pause(2.0)
    stage.always({})
    operator.relaunch()


@scenario("SIGKILL whenever the operator's memory has grown too far, as the kernel does", repeats=True)
def out_of_memory(stage: Stage) -> None:
    operator = stage.operator()
    stage.always({"delay": 1.0})
    base = operator.resident_bytes()
    stage.create(40, body="x" * 60_000)
    kills, deadline = 0, time.monotonic() + 20
    while time.monotonic() < deadline and kills < 2:
        if operator.runs and operator.resident_bytes() > base + GROWTH // 8:
            operator.relaunch()
            kills += 1
            eventually(operator.resident_bytes, lambda used: used > base // 2, within=30)
            pause(1.5)
    stage.require(kills, "the operator never needed enough memory to be killed")
    stage.always({})
