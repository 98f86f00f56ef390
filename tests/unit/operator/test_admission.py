"""The engine's gate: no pass starts before it is known by which rules, and the probe tells why."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import pytest
from kubernetes.aio.client import Configuration

from notification_operator.app import Engine
from notification_operator.config.settings import Settings
from notification_operator.controller.workqueue import Key
from notification_operator.kube.client import Cluster
from notification_operator.kube.connectivity import Connectivity
from notification_operator.watch import config_map as config_map_watch
from tests.unit.operator.kube_api import KubeApi, refusal, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from notification_operator.leadership.elector import Elector

KEY = Key("shop", "order-1", "uid-1")
LOOKED_FOR = "the routing document was looked for"


@contextlib.asynccontextmanager
async def engine(api: KubeApi, **settings: object) -> AsyncIterator[Engine]:
    """An operator at work on the server, without kopf and without ports."""
    connectivity = Connectivity()
    configuration = Configuration(host=api.url)
    configuration.trace_configs = [connectivity.trace("working")]
    cluster = Cluster(configuration=configuration, namespace="own", source="a test")
    parts = {"routing": {"config_map": "rules"}, "shutdown": {"grace_seconds": 1}, **settings}
    made = Engine(Settings.model_validate(parts), cluster, connectivity, clock=lambda: datetime.now(UTC))
    made._spawn()
    try:
        yield made
    finally:
        await made.stop()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config_map_watch, "FIRST_PAUSE", 0.05)


def lead(elector: Elector) -> None:
    """Have it win everything."""
    for claim in elector._claims:
        claim.held, claim.confirmed, claim._renewed_at = True, True, claim.clock()
    elector._tell()


def passes(api: KubeApi) -> int:
    """How many passes began: each reads its notification first."""
    return sum(path.endswith("/notificationrequests/order-1") for _, path, _ in api.requests)


async def test_no_pass_starts_before_the_routing_document_was_looked_for(api: KubeApi) -> None:
    api.open.clear()
    async with engine(api) as made:
        made.queue.add(KEY)
        await until(lambda: api.lists == 1)
        await until(lambda: made.queue.held_back == 1)
        assert passes(api) == 0
        assert made._ready()[LOOKED_FOR] is False
        api.open.set()
        await until(lambda: passes(api) == 1)
        assert made._ready()[LOOKED_FOR] is True


async def test_a_config_map_that_may_not_be_read_holds_every_pass_and_the_probe_says_why(
    api: KubeApi,
) -> None:
    message = 'configmaps "rules" is forbidden: User "operator" cannot list resource "configmaps"'
    api.refusals = [refusal(403, message)]
    async with engine(api) as made:
        made.queue.add(KEY)
        await until(lambda: api.lists >= 2)
        assert passes(api) == 0
        assert made._ready()[f"{LOOKED_FOR} (403 {message})"] is False
        api.refusals = []
        await until(lambda: passes(api) == 1)


async def test_a_standby_starts_no_pass_although_it_knows_the_rules(api: KubeApi) -> None:
    async with engine(api, leader_election={"enabled": True}) as made:
        made.queue.add(KEY)
        await until(lambda: made.routing.known and made.queue.held_back)
        assert (made.queue.waiting, passes(api)) == (0, 0)


async def test_a_new_leader_that_does_not_know_the_rules_yet_starts_no_pass(api: KubeApi) -> None:
    api.open.clear()
    async with engine(api, leader_election={"enabled": True}) as made:
        assert made.elector is not None
        made.queue.add(KEY)
        lead(made.elector)
        await until(lambda: made.queue.held_back == 1)
        assert (made.duty.owned, passes(api)) == (1, 0)


async def test_the_watch_of_the_document_is_one_of_those_that_have_to_stand(api: KubeApi) -> None:
    async with engine(api) as made:
        await until(lambda: api.watches)
        assert made._ready()["the watches are established"] is False
        made.connectivity._watches["watching", "/apis/kubernaut.ai/v1alpha1/notificationrequests"] = True
        assert made._ready()["the watches are established"] is True


async def test_what_is_in_force_can_be_read_from_the_metrics(api: KubeApi) -> None:
    async with engine(api) as made:
        made._publish()

        def value(name: str) -> float | None:
            return made.metrics.registry.get_sample_value(f"kubernaut_notification_{name}")

        await until(lambda: api.watches)
        seen = [(value("routing_loaded"), value("routing_generation"), value("routing_refusals_total"))]
        good = "{route: {receiver: r}, receivers: [{name: r}]}"
        for number, text in enumerate((good, "broken", good), start=1):
            api.put({"routing.yaml": text})
            await until(partial(lambda wanted: value("routing_generation") == wanted, number))
            seen.append((value("routing_loaded"), number, value("routing_refusals_total")))
        assert seen == [(0, 0, 0), (1, 1, 0), (0, 2, 1), (1, 3, 1)]
        await until(lambda: api.events)
    ((namespace, _), event) = next(iter(api.events.items()))
    assert (namespace, event["reason"], event["regarding"]["name"]) == (
        "own",
        "RoutingDocumentRefused",
        "rules",
    )
