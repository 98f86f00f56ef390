"""The metrics of drills and of usable receivers, by the composition that ships, with receivers of a real list and watch."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from atomic_status import KubeStatusStore
from notification_domain.json_values import format_time
from notification_domain.receivers.catalog import ReceiverKey
from notification_operator.ports import ReceiverPorts
from notification_operator.watch.receivers import CRD_HINT
from notification_operator.wiring import build
from notification_runtime.channels.console import ConsoleChannel
from notification_runtime.delivery.channel import ReceiverError, ReceiverProblem
from notification_runtime.kube.collection_watch import KubeWatches
from notification_runtime.kube.objects import RECEIVER_RESOURCE
from notification_runtime.settings import Settings
from notification_runtime.telemetry.gauges import ReceiverGauges
from notification_runtime.telemetry.metrics import PREFIX, Metrics
from tests.unit.operator.collections_api import RECEIVERS, CollectionsApi, running, watching_client
from tests.unit.operator.domain.builders import failure
from tests.unit.operator.kube_api import until
from tests.unit.operator.ports import null_ports

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from notification_operator.watch.receivers import ReceiverWatch

HOME = "platform"
CONSOLE = {"type": "console"}
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
EARLIER = "2026-03-01T06:00:00Z"


@contextlib.asynccontextmanager
async def receivers(api: CollectionsApi, **settings: Any) -> AsyncIterator[ReceiverWatch]:
    """Run what follows the receivers, as after a start."""
    async with watching_client(api) as client:
        ports = ReceiverPorts(
            watches=KubeWatches(client, hint=CRD_HINT),
            store=KubeStatusStore(client, RECEIVER_RESOURCE),
            home=HOME,
        )
        channels = {"console": ConsoleChannel()}
        operator = build(
            Settings(**settings), null_ports(receivers=ports, channels=channels), clock=lambda: NOW
        )
        watch = operator.receivers
        assert watch is not None
        task = asyncio.create_task(watch.run(on_known=lambda: None))
        try:
            await until(lambda: watch.catalog.known)
            yield watch
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def published(watch: ReceiverWatch, metric: str = "drill_last_success_timestamp_seconds") -> dict[str, float]:
    """Return the series by receiver."""
    metrics = Metrics()
    metrics.registry.register(ReceiverGauges(watch.states, drills_scheduled=True))
    name = f"{PREFIX}{metric}"
    return {
        sample.labels["receiver"]: sample.value
        for family in metrics.registry.collect()
        for sample in family.samples
        if sample.name == name
    }


async def test_metric_is_restored_from_the_status_and_ends_with_its_receiver() -> None:
    async with running() as api:
        api.put(RECEIVERS, HOME, "drilled", spec=CONSOLE)
        api.put(RECEIVERS, HOME, "drilled", status={"lastDrillTime": EARLIER})
        api.put(RECEIVERS, "shop", "new", spec=CONSOLE)
        api.put(RECEIVERS, "shop", "suspended", spec={**CONSOLE, "suspend": True})
        api.put(RECEIVERS, "shop", "invalid", spec={"type": "slack"})
        async with receivers(api) as watch:
            assert published(watch) == {
                "platform/drilled": datetime(2026, 3, 1, 6, tzinfo=UTC).timestamp(),
                "shop/new": 0,
                "shop/invalid": 0,
            }
            api.remove(RECEIVERS, HOME, "drilled")
            await until(lambda: "platform/drilled" not in published(watch))


async def test_receiver_from_whose_namespace_nothing_is_delivered_is_left_out() -> None:
    async with running() as api:
        api.put(RECEIVERS, HOME, "shared", spec=CONSOLE)
        api.put(RECEIVERS, "shop", "own", spec=CONSOLE)
        async with receivers(api, watch={"namespaces": ["shop"]}) as watch:
            assert watch.catalog.declared(ReceiverKey(HOME, "shared"))
            assert published(watch) == {"shop/own": 0}


async def test_receiver_is_ready_again_when_another_replica_has_delivered() -> None:
    key = ReceiverKey(HOME, "team")
    async with running() as api:
        api.put(RECEIVERS, *key, spec=CONSOLE)
        async with receivers(api) as watch:
            refused = replace(failure("console/team"), timestamp=NOW - timedelta(hours=2))
            endpoint = watch.endpoints.endpoint(watch.catalog.catalog.receivers[key])
            endpoint.history.record(refused, ReceiverError(ReceiverProblem.AUTHENTICATION_FAILED))
            ready = []
            for time in (NOW - timedelta(hours=3), NOW + timedelta(hours=1), NOW - timedelta(hours=1)):
                api.put(RECEIVERS, *key, status={"lastSuccessTime": format_time(time)})
                await until(partial(is_seen, watch, key, time))
                ready.append(published(watch, "receiver_ready"))
            assert ready == [{"platform/team": 0}, {"platform/team": 0}, {"platform/team": 1}]


def is_seen(watch: ReceiverWatch, key: ReceiverKey, success: datetime) -> bool:
    declared = watch.catalog.declared(key)
    return declared is not None and declared.last_success == success
