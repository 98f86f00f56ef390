"""A scrape of the metrics while receivers have the largest templates: the event loop compiles none of them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from prometheus_client import generate_latest

from atomic_status import KubeStatusStore
from notification_domain.rendering.texts import check_templates
from notification_operator.ports import ReceiverPorts
from notification_operator.watch.receivers import CRD_HINT
from notification_operator.wiring import build
from notification_runtime.kube.collection_watch import KubeWatches
from notification_runtime.kube.objects import RECEIVER_RESOURCE
from notification_runtime.rendering.worker import RenderWorker
from notification_runtime.settings import Settings
from notification_runtime.telemetry.gauges import ReceiverGauges
from notification_runtime.telemetry.metrics import Metrics
from tests.kit.gaps import Gaps
from tests.unit.operator.collections_api import RECEIVERS, running, watching_client
from tests.unit.operator.kube_api import until
from tests.unit.operator.ports import null_ports

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
COUNT = 200
HOME = "platform"


async def test_templates_of_two_hundred_receivers_do_not_stop_the_event_loop() -> None:
    async with running() as api, watching_client(api) as client:
        for number in range(COUNT):
            # As many words and signs as a template may have.
            template = {"subject": "", "body": "{{a}}" * 160 + str(number)}
            spec = {
                "type": "webhook",
                "webhook": {"url": "https://a.example"},
                "template": {"inline": template},
            }
            api.put(RECEIVERS, HOME, f"r{number}", spec=spec)
        watches = KubeWatches(client, hint=CRD_HINT)
        store = KubeStatusStore(client, RECEIVER_RESOURCE)
        renderer = RenderWorker()
        receivers = ReceiverPorts(watches=watches, store=store, home=HOME)
        watch = build(
            Settings(), null_ports(receivers=receivers, renderer=renderer), clock=lambda: NOW
        ).receivers
        assert watch is not None
        tasks = [asyncio.create_task(watch.run(on_known=lambda: None))]
        metrics, gaps = Metrics(), Gaps()
        metrics.registry.register(ReceiverGauges(watch.states, drills_scheduled=True))
        try:
            await until(lambda: len(watch.catalog.catalog.receivers) == COUNT)
            await renderer.run(HOME, check_templates, sources={})  # The worker starts.
            async with gaps.measured():
                page = generate_latest(metrics.registry)
                tasks.append(asyncio.create_task(watch.status.run()))
                await until(lambda: bool(ready(api.objects)))
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            renderer.close()
    assert b"receiver_ready{" not in page, "nothing was known, and nothing was built"
    assert gaps.longest < 0.25


def ready(objects: dict[tuple[str, str, str], dict[str, object]]) -> list[str]:
    return [str(obj["status"]) for obj in objects.values() if "status" in obj]
