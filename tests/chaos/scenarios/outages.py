"""The API server or etcd is killed or frozen, while attempts are running."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.chaos.lane import pause
from tests.chaos.scenario import scenario

if TYPE_CHECKING:
    from tests.chaos.servers import Server
    from tests.chaos.stage import Stage


def _outage(stage: Stage, server: Server, seconds: float) -> None:
    """Kill a server while attempts are running that end during the outage."""
    stage.operator()
    stage.answer({"code": 503, "delay": 0.5}, {"delay": 2.0}, times=8)
    stage.create(10)
    stage.wait_for_hits(10)
    server.kill()
    pause(seconds)
    stage.lane.servers.start()
    stage.create(5)


@scenario("The API server is killed for 10 s during deliveries")
def api_server_down_10s(stage: Stage) -> None:
    _outage(stage, stage.lane.servers.api, 10)


@scenario("The API server is killed for 60 s during deliveries")
def api_server_down_60s(stage: Stage) -> None:
    _outage(stage, stage.lane.servers.api, 60)


@scenario("etcd is killed for 10 s during deliveries")
def etcd_down_10s(stage: Stage) -> None:
    _outage(stage, stage.lane.servers.etcd, 10)


@scenario("etcd is killed for 60 s during deliveries")
def etcd_down_60s(stage: Stage) -> None:
    _outage(stage, stage.lane.servers.etcd, 60)


@scenario("The API server freezes for 20 s: connections stay open, and nothing answers")
def frozen_api_server(stage: Stage) -> None:
    stage.operator()
    stage.answer({"code": 503, "delay": 0.5}, {"delay": 1.0}, times=8)
    stage.create(10)
    stage.wait_for_hits(10)
    stage.lane.servers.api.freeze()
    pause(20)
    stage.lane.servers.api.thaw()
    stage.lane.servers.start()
    stage.create(5)


@scenario("The API server is killed five times for a moment, while notifications keep coming")
def flapping_api_server(stage: Stage) -> None:
    stage.operator()
    for _ in range(4):
        stage.create(4)
        stage.lane.servers.api.kill()
        pause(1)
        stage.lane.servers.start()


@scenario("The API server is down when the operator starts, and comes 15 s later")
def start_during_an_outage(stage: Stage) -> None:
    operator = stage.operator(start=False)
    stage.create(5)
    stage.lane.servers.api.kill()
    operator.launch()
    pause(15)
    stage.lane.servers.start()
    if not operator.runs:  # a pod's container is restarted
        operator.launch()
