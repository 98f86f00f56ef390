"""Requests to a dead man's switch: when they are sent, by a virtual clock; what is sent, over HTTP; and what is told of failures."""

from __future__ import annotations

import asyncio
import contextlib
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from aiohttp import web

from notification_contract import names
from notification_contract.settings import ExternalHeartbeat as Settings
from notification_domain.json_values import format_time
from notification_operator.controller import external_heartbeat
from notification_operator.controller.external_heartbeat import ExternalHeartbeat
from notification_operator.ports import live_ports
from notification_operator.wiring import build
from notification_runtime import settings as operator_config
from notification_runtime.delivery.channel import Transient
from notification_runtime.kube.client import Cluster as Connection
from notification_runtime.kube.requests import KubeError
from notification_runtime.telemetry.metrics import PREFIX, Metrics
from tests.simulation.virtual_loop import run_virtually
from tests.unit.gateway.cluster import HOME, client_of, running
from tests.unit.loopback import listening
from tests.unit.operator.kube_api import until
from tests.unit.operator.ports import null_ports

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

    from kubernetes.aio.client import ApiClient

BEGIN = datetime(2026, 3, 20, 9, tzinfo=UTC)
DAY = timedelta(days=1)
URL = "https://ping.example.com/5f1c2b7e-secret"
SUCCESS, FAILURES = "external_heartbeat_last_success_timestamp_seconds", "external_heartbeat_failures_total"


def drill(condition: str, began: datetime) -> dict[str, Any]:
    return {
        "metadata": {"creationTimestamp": format_time(began)},
        "status": {"conditions": [{"type": condition, "status": "True"}]},
    }


class World:
    """An API server with Jobs and a Secret, a dead man's switch, and a virtual clock."""

    def __init__(self, *, every_seconds: int = 60) -> None:
        self.jobs = [drill("Complete", BEGIN)]
        self.secrets = [{"data": {"url": b64encode(f"{URL}\n".encode()).decode()}}]
        self.away = self.refuses = False
        self.owner = True
        self.sent: list[float] = []
        """The times of requests that were accepted."""
        self.tried = 0
        self.read: list[str] = []
        self.metrics = Metrics()
        self.heartbeat = ExternalHeartbeat(
            Settings(secret="switch", every_seconds=every_seconds),
            period=DAY,
            home=HOME,
            read=self._read,
            owns=lambda _key: self.owner,
            last_success=self.metrics.external_heartbeat_success,
            failures=self.metrics.external_heartbeat_failures,
            clock=lambda: BEGIN + timedelta(seconds=self.time),
        )

    @property
    def time(self) -> float:
        return asyncio.get_running_loop().time()

    async def _read(self, path: str, query: Mapping[str, str]) -> Mapping[str, Any]:
        self.read.append(path)
        if self.away:
            raise KubeError(status=None, reason="connection refused")
        if path.endswith("/jobs"):
            labels = "app.kubernetes.io/name=notification-operator,app.kubernetes.io/component=drill"
            assert query == {"labelSelector": labels, "limit": "500"}
            return {"items": self.jobs}
        assert path.endswith("/secrets")
        assert query == {"fieldSelector": "metadata.name=switch", "limit": "1"}
        return {"items": self.secrets}

    async def post(self, url: str) -> None:
        assert url == URL
        self.tried += 1
        await asyncio.sleep(0.25)
        if self.refuses:
            raise Transient("503 from the switch")
        self.sent.append(self.time)

    def metric(self, name: str) -> float:
        return self.metrics.registry.get_sample_value(f"{PREFIX}{name}") or 0.0

    async def passes(self, seconds: float) -> int:
        """Let time pass; return how many requests were accepted meanwhile."""
        before = len(self.sent)
        await asyncio.sleep(seconds)
        return len(self.sent) - before


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    monkeypatch.setattr(external_heartbeat, "logger", structlog.get_logger())
    with structlog.testing.capture_logs() as entries:
        yield entries


@contextlib.asynccontextmanager
async def beating(world: World, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    monkeypatch.setattr(external_heartbeat, "_post", world.post)
    task = asyncio.create_task(world.heartbeat.run())
    # A moment after the requests, so that each is over.
    await asyncio.sleep(1)
    try:
        yield world
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def test_one_request_is_sent_in_each_period_while_the_last_drill_is_green(
    monkeypatch: pytest.MonkeyPatch, logged: list[Any]
) -> None:
    async def scenario() -> None:
        async with beating(World(every_seconds=60), monkeypatch) as world:
            assert await world.passes(3600) == 60
            gaps = {
                round(after - before, 6) for before, after in zip(world.sent, world.sent[1:], strict=False)
            }
            assert gaps == {60.0}
            assert world.metric(SUCCESS) == (BEGIN + timedelta(seconds=world.sent[-1])).timestamp()
            assert (world.metric(FAILURES), logged) == (0, [])

    run_virtually(scenario())


def test_no_request_is_sent_after_a_drill_that_failed_until_one_is_green(
    monkeypatch: pytest.MonkeyPatch, logged: list[Any]
) -> None:
    async def scenario() -> None:
        async with beating(World(every_seconds=600), monkeypatch) as world:
            world.jobs.append(drill("Failed", BEGIN + timedelta(hours=1)))
            await world.passes(600)
            assert await world.passes(7200) == 0
            assert [(each["event"], each["log_level"]) for each in logged] == [
                ("external heartbeat paused", "warning")
            ]
            assert logged[0]["reason"] == "the last drill has not reached all receivers"
            world.jobs.append(drill("Complete", BEGIN + timedelta(hours=2)))
            # It is noticed within a minute, however long the period is.
            assert await world.passes(61) == 1
            assert logged[-1]["event"] == "external heartbeat resumed"
            assert world.metric(FAILURES) == 0

    run_virtually(scenario())


def test_requests_end_when_no_drill_was_green_for_two_periods(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with beating(World(every_seconds=3600), monkeypatch) as world:
            await world.passes(10 * DAY.total_seconds())
            assert len(world.sent) == 48
            assert world.sent[-1] < 2 * DAY.total_seconds()

    run_virtually(scenario())


def test_replica_that_is_not_the_owner_neither_reads_nor_sends(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        world = World(every_seconds=60)
        world.owner = False
        async with beating(world, monkeypatch):
            await world.passes(3600)
            assert (world.read, world.sent) == ([], [])
            world.owner = True
            assert await world.passes(10) == 1

    run_virtually(scenario())


@pytest.mark.parametrize("fault", ["away", "refuses"])
def test_failure_is_counted_logged_once_and_repeated_within_a_minute(
    fault: str, monkeypatch: pytest.MonkeyPatch, logged: list[Any]
) -> None:
    async def scenario() -> None:
        async with beating(World(every_seconds=3600), monkeypatch) as world:
            setattr(world, fault, True)
            await world.passes(3600 + 5 * 60)
            assert world.metric(FAILURES) == 6
            assert [each["event"] for each in logged] == ["external heartbeat not sent; retrying"]
            setattr(world, fault, False)
            assert await world.passes(61) == 1
            assert logged[-1]["event"] == "external heartbeat resumed"
            assert await world.passes(3500) == 0

    run_virtually(scenario())


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"url": ""},
        {"url": "%%%"},
        {"url": b64encode(b"\xff").decode()},
        {"url": b64encode(b"ftp://ping.example.com/x").decode()},
        {"url": b64encode(b"ping.example.com/hidden").decode()},
    ],
)
def test_secret_without_a_url_is_named_and_its_value_is_not(
    data: dict[str, str], monkeypatch: pytest.MonkeyPatch, logged: list[Any]
) -> None:
    async def scenario() -> None:
        world = World()
        world.secrets = [{"data": data}]
        async with beating(world, monkeypatch):
            assert (world.tried, world.metric(FAILURES)) == (0, 1)

    run_virtually(scenario())
    assert [each["error"] for each in logged] == ["the key url of the Secret switch has no http or https URL"]


async def test_operator_that_ships_posts_to_the_url_and_hides_it_from_its_log(
    monkeypatch: pytest.MonkeyPatch, logged: list[Any]
) -> None:
    monkeypatch.setattr(external_heartbeat, "RETRY_SECONDS", 0.05)
    received: list[tuple[str, str, bytes]] = []
    status = 200

    async def switch(request: web.Request) -> web.Response:
        received.append((request.method, request.path_qs, await request.read()))
        return web.Response(status=status, text=f"no {request.path_qs}")

    async with listening(switch) as url, running() as cluster, client_of(cluster) as client:
        cluster.crds.add("jobs")
        cluster.secret("switch", labels={}, url=f"{url}/ping/5f1c2b7e?key=hidden")
        job = drill("Complete", datetime.now(UTC))
        meta = {**job["metadata"], "labels": names.DRILL_JOB_LABELS}
        cluster.put("jobs", HOME, "drill-1", meta=meta, status=job["status"])
        status = 503
        async with shipped(client):
            await until(lambda: len(received) >= 2)
            status = 200
            await until(lambda: any(each["event"] == "external heartbeat resumed" for each in logged))
    assert set(received) == {("POST", "/ping/5f1c2b7e?key=hidden", b"")}
    (warning,) = [each for each in logged if each["log_level"] == "warning"]
    assert "503" in warning["error"]
    assert not [word for word in ("5f1c2b7e", "hidden") if word in str(logged)]


@contextlib.asynccontextmanager
async def shipped(client: ApiClient) -> AsyncIterator[None]:
    whole = operator_config.Settings.model_validate(
        {
            "external_heartbeat": {"secret": "switch"},
            "drill": {"schedule": "@daily"},
            "receivers": {"enabled": False},
        }
    )
    connection = Connection(configuration=client.configuration, namespace=HOME, source="a test")
    ports = live_ports(whole, client, connection, watching=client)
    operator = build(whole, ports, clock=lambda: datetime.now(UTC))
    assert operator.external_heartbeat is not None
    task = asyncio.create_task(operator.external_heartbeat.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_operator_without_the_setting_has_no_external_heartbeat() -> None:
    async with running() as cluster, client_of(cluster) as client:
        whole = operator_config.Settings.model_validate({"drill": {"schedule": "@daily"}})
        connection = Connection(configuration=client.configuration, namespace=HOME, source="a test")
        assert live_ports(whole, client, connection, watching=client).external_heartbeat is None
    assert build(whole, null_ports(), clock=lambda: BEGIN).external_heartbeat is None


def test_heartbeat_without_drills_is_refused_with_the_remedy() -> None:
    with pytest.raises(
        ValueError,
        match=r"external_heartbeat.secret is set, but drill.schedule is empty.*; set drill.schedule",
    ):
        operator_config.Settings.model_validate({"external_heartbeat": {"secret": "switch"}})


def test_secret_that_does_not_exist_is_named(monkeypatch: pytest.MonkeyPatch, logged: list[Any]) -> None:
    async def scenario() -> None:
        world = World()
        world.secrets = []
        async with beating(world, monkeypatch):
            assert (world.tried, world.metric(FAILURES)) == (0, 1)

    run_virtually(scenario())
    assert [each["error"] for each in logged] == ["the Secret switch does not exist"]
