"""Admission: no reconciliation starts before the routing rules are known, and the readiness probe says why."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import aiohttp
import pytest
from kubernetes.aio.client import ApiClient, Configuration
from structlog.testing import capture_logs

from notification_domain.key import Key
from notification_domain.template_ref import TemplateRef, TemplateUnavailableError
from notification_operator.app import App
from notification_operator.ports import live_ports
from notification_runtime.kube import collection_watch
from notification_runtime.kube.client import Cluster, Connectivity
from notification_runtime.settings import Settings
from notification_runtime.telemetry.http_server import Check
from tests.unit.operator.kube_api import KubeApi, refusal, until
from tests.unit.operator.leadership.lease_fixture import Leases

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from notification_operator.ports import Ports

KEY = Key("shop", "order-1", "uid-1")


@contextlib.asynccontextmanager
async def running_app(
    api: KubeApi, change: Callable[[Ports], Ports] = lambda ports: ports, **settings: object
) -> AsyncIterator[App]:
    """An operator that works on the server, without kopf and without its HTTP endpoints."""
    connectivity = Connectivity()
    configuration = Configuration(host=api.url)
    configuration.trace_configs = [connectivity.trace("working")]
    cluster = Cluster(configuration=configuration, namespace="own", source="a test")
    parts = {"routing": {"config_map": "rules"}, "shutdown": {"grace_seconds": 1}, **settings}
    validated = Settings.model_validate(parts)
    client, watching = ApiClient(configuration), ApiClient(Configuration(host=api.url))
    ports = change(live_ports(validated, client, cluster, watching=watching))
    app = App(validated, ports, client=client, watching=watching, cluster=cluster, connectivity=connectivity)
    app.run()
    try:
        yield app
    finally:
        await app.stop()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collection_watch, "FIRST_DELAY", 0.05)


def reconciliations(api: KubeApi) -> int:
    """The number of reconciliations: each reads its notification first."""
    return sum(path.endswith("/notificationrequests/order-1") for _, path, _ in api.requests)


def parked(app: App) -> int:
    return app.operator.queue.statistics().parked


async def test_no_reconciliation_starts_before_the_rules_are_known(api: KubeApi) -> None:
    api.open.clear()
    async with running_app(api) as app:
        app.operator.queue.add(KEY)
        await until(lambda: api.lists == 1)
        await until(lambda: parked(app) == 1)
        assert reconciliations(api) == 0
        assert app.ready()["routing_config"] == Check(passed=False, text="not looked for yet")
        api.open.set()
        await until(lambda: reconciliations(api) == 1)
        assert app.ready()["routing_config"].passed


async def test_forbidden_config_map_parks_keys_and_the_probe_says_why(api: KubeApi) -> None:
    message = 'configmaps "rules" is forbidden: User "operator" cannot list resource "configmaps"'
    api.refusals = [refusal(403, message)]
    async with running_app(api) as app:
        app.operator.queue.add(KEY)
        await until(lambda: api.lists >= 2)
        assert reconciliations(api) == 0
        assert app.ready()["routing_config"] == Check(passed=False, text=f"403 {message}")
        api.refusals = []
        await until(lambda: reconciliations(api) == 1)


async def test_standby_starts_nothing_although_it_knows_the_rules(api: KubeApi) -> None:
    leases = Leases({})
    leases.disconnected = True
    async with running_app(api, partial(replace, leases=leases), leader_election={"enabled": True}) as app:
        app.operator.queue.add(KEY)
        await until(lambda: app.operator.routing.known and parked(app))
        assert app.operator.queue.statistics().waiting == 0
        assert reconciliations(api) == 0


async def test_new_leader_without_known_rules_starts_nothing(api: KubeApi) -> None:
    api.open.clear()
    async with running_app(
        api, partial(replace, leases=Leases({})), leader_election={"enabled": True}
    ) as app:
        app.operator.queue.add(KEY)
        await until(lambda: app.operator.ownership.statistics().working)
        await until(lambda: parked(app) == 1)
        assert reconciliations(api) == 0


async def test_readiness_requires_the_watch_of_the_routing_config(api: KubeApi) -> None:
    async with running_app(api) as app:
        with capture_logs() as logs:
            rules_only = Check(passed=False, text="1 of 2 established")
            await until(lambda: app.ready()["watches"] == rules_only)
            session = aiohttp.ClientSession(trace_configs=[app.connectivity.trace("watching")])
            url = f"{api.url}/api/v1/namespaces/own/configmaps"
            query = {"watch": "true", "resourceVersion": "1", "fieldSelector": "metadata.name=rules"}
            async with session, session.get(url, params=query):
                assert app.ready()["watches"] == Check(passed=True, text="2 of 2 established")
                await until(lambda: any(line["event"] == "watch established" for line in logs))


async def test_shutdown_ends_readiness_and_is_logged(api: KubeApi) -> None:
    with capture_logs() as logs:
        async with running_app(api) as app:
            assert app.ready()["accepting_work"] == Check(passed=True, text="accepting work")
        assert app.ready()["accepting_work"] == Check(passed=False, text="shutting down")
    events = [line["event"] for line in logs]
    lifecycle = ["started", "shutdown requested", "draining", "stopped"]
    assert [event for event in events if event in lifecycle] == lifecycle
    (started,) = [line for line in logs if line["event"] == "started"]
    assert (started["cluster"], started["namespaces"], started["shards"]) == (api.url, "all", 1)
    assert started["version"]


async def test_metrics_show_the_routing_rules_in_force(api: KubeApi) -> None:
    server = {"host": "127.0.0.1", "health_port": 0, "metrics_port": 0}
    async with running_app(api, server=server) as app:
        await app.serve()

        def value(name: str) -> float | None:
            return app.operator.metrics.registry.get_sample_value(f"kubernaut_notification_{name}")

        def state() -> tuple[float | None, ...]:
            return tuple(value(f"routing_{name}") for name in ("loaded", "refused", "refusals_total"))

        await until(lambda: api.watches)
        assert value("routing_generation") == 0
        seen = [state()]
        good = "{route: {receiver: r}, receivers: [{name: r}]}"
        for number, text in enumerate((good, "broken", good), start=1):
            api.put({"routing.yaml": text})
            await until(partial(lambda wanted: value("routing_generation") == wanted, number))
            seen.append(state())
        assert seen == [(0, 0, 0), (1, 0, 0), (0, 1, 1), (1, 0, 1)]
        await until(lambda: api.events)
    ((namespace, _), event) = next(iter(api.events.items()))
    assert (namespace, event["reason"], event["regarding"]["name"]) == (
        "own",
        "RoutingDocumentRefused",
        "rules",
    )


async def test_template_of_a_notification_leaves_the_routing_watch_open(api: KubeApi) -> None:
    kept: list[Ports] = []

    def keep(ports: Ports) -> Ports:
        kept.append(ports)
        return ports

    async with running_app(api, keep, receivers={"enabled": True}) as app:
        await until(lambda: app.connectivity.open_watches == 1)
        receivers = kept[0].receivers
        assert receivers is not None
        assert receivers.overrides is not None
        with contextlib.suppress(TemplateUnavailableError):
            await receivers.overrides("own", TemplateRef(config_map="texts", key="incident"))
        assert app.connectivity.open_watches == 1
