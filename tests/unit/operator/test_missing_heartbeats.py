"""Missing heartbeats over HTTP: the ports that ship, on a small API server."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from kubernetes.aio.client import Configuration

from notification_contract import names
from notification_domain.json_values import format_time
from notification_operator.lifecycle import Lifecycle
from notification_operator.ports import live_ports
from notification_operator.wiring import build
from notification_runtime.kube.client import Cluster as Connection
from notification_runtime.settings import Settings
from tests.unit.gateway.cluster import HOME, SOURCES, Cluster, client_of, running
from tests.unit.operator.kube_api import until
from tests.unit.operator.ports import null_ports

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from notification_operator.wiring import Operator


def settings(*, enabled: bool) -> Settings:
    return Settings.model_validate({"heartbeats": {"enabled": enabled}, "receivers": {"enabled": False}})


@contextlib.asynccontextmanager
async def watching_heartbeats(cluster: Cluster) -> AsyncIterator[Operator]:
    async with client_of(cluster) as client:
        connection = Connection(
            configuration=Configuration(host=cluster.url), namespace=HOME, source="a test"
        )
        whole = settings(enabled=True)
        ports = live_ports(whole, client, connection, watching=client)
        operator = build(whole, ports, clock=now)
        assert operator.heartbeats is not None
        tasks = [
            asyncio.create_task(operator.heartbeats.sources.run()),
            asyncio.create_task(operator.heartbeats.controller.run()),
        ]
        try:
            yield operator
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def now() -> datetime:
    return datetime.now(UTC)


def renew(cluster: Cluster) -> None:
    """Renew the Lease of a replica of the gateway that has been there for long."""
    since = {names.PRESENT_SINCE_ANNOTATION: format_time(now() - timedelta(days=3))}
    meta = {"labels": names.GATEWAY_PRESENCE_LABELS, "annotations": since}
    spec = {"renewTime": format_time(now()), "leaseDurationSeconds": 15}
    cluster.put("leases", HOME, "gateway-0-presence", meta=meta, spec=spec)


def beat(cluster: Cluster, time: datetime) -> None:
    stored = cluster.named(SOURCES, "backup")
    assert stored is not None
    status = {**stored.get("status", {}), "lastBeatTime": format_time(time)}
    cluster.put(SOURCES, HOME, "backup", status=status)


def created(cluster: Cluster) -> list[tuple[str, str]]:
    return [(each["metadata"]["namespace"], each["spec"]["event"]) for each in cluster.created]


async def test_missing_beat_is_reported_on_an_api_server_and_so_is_its_return() -> None:
    async with running() as cluster:
        cluster.source("backup", type="heartbeat", heartbeat={"every": "10s", "grace": "5s"})
        beat(cluster, now() - timedelta(minutes=5))
        renew(cluster)
        async with watching_heartbeats(cluster):

            def is_reported(*events: str) -> bool:
                renew(cluster)
                return sorted(created(cluster)) == sorted((HOME, each) for each in events)

            await until(lambda: is_reported("Trigger"))
            source = cluster.named(SOURCES, "backup")
            assert source is not None
            assert source["status"]["missedBeatTime"] == source["status"]["lastBeatTime"]
            beat(cluster, now())
            await until(lambda: is_reported("Trigger", "Resolve"))
            await until(lambda: "missedBeatTime" not in (cluster.named(SOURCES, "backup") or {})["status"])


async def test_heartbeats_run_only_if_they_are_enabled() -> None:
    async with running() as cluster, client_of(cluster) as client:
        connection = Connection(
            configuration=Configuration(host=cluster.url), namespace=HOME, source="a test"
        )
        for enabled in (False, True):
            whole = settings(enabled=enabled)
            sources = live_ports(whole, client, connection, watching=client).sources
            operator = build(whole, null_ports(sources=sources), clock=now)
            lifecycle = Lifecycle(operator, closed_seconds=lambda: 0.0, grace_seconds=1.0)
            lifecycle.start()
            assert {"sources", "heartbeats of sources"}.isdisjoint(lifecycle.tasks) is not enabled
            await lifecycle.stop()
