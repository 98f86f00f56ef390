"""The prototype as a process: `python -m tests.harness.prototype --kubeconfig FILE [--workers N]`.

A kopf event handler, a queue, workers, one GET and one PUT per notification, and nothing else: no delivery, plan, retries
or leader election. Its throughput is what the machine can give, and what the operator is compared with. It prints
`{"event": "watching"}` when it starts, and runs until a signal ends it.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import kopf
import orjson
import uvloop
from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.config import load_kube_config

from atomic_status.headers import auth_headers
from notification_contract.settings import Watch
from notification_operator.kube.resources import RESOURCE
from notification_operator.watch.kopf_settings import kopf_settings

WATCHING = '{"event": "watching"}'
JSON = {"Accept": "application/json", "Content-Type": "application/json"}


class Worker:
    """From a key to a written status, over one session."""

    def __init__(self, server: str, session: aiohttp.ClientSession) -> None:
        self.keys: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
        self._collection = f"{server}/apis/{RESOURCE.group}/{RESOURCE.version}/namespaces"
        self._session = session

    async def work(self) -> None:
        while True:
            namespace, name = await self.keys.get()
            await self._reconcile(f"{self._collection}/{namespace}/{RESOURCE.plural}/{name}")

    async def _reconcile(self, url: str) -> None:
        async with self._session.get(url, headers=JSON) as answer:
            obj = orjson.loads(await answer.read())
        if obj["status"]["phase"] != "Pending":
            return
        body = {key: obj[key] for key in ("apiVersion", "kind", "metadata")}
        body["status"] = _sent(obj)
        async with self._session.put(f"{url}/status", data=orjson.dumps(body), headers=JSON) as answer:
            await answer.read()


def _sent(obj: dict[str, Any]) -> dict[str, Any]:
    """Return a status as large as the operator's."""
    now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    condition = {
        "type": "Delivered",
        "status": "True",
        "reason": "AllDeliveriesSucceeded",
        "message": "1 of 1",
    }
    return {
        "phase": "Sent",
        "reason": "AllDeliveriesSucceeded",
        "message": "Successfully delivered to 1 channel(s)",
        "observedGeneration": obj["metadata"]["generation"],
        "deliveryAttempts": [{"channel": "console", "attempt": 1, "timestamp": now, "status": "success"}],
        "totalAttempts": 1,
        "successfulDeliveries": 1,
        "failedDeliveries": 0,
        "queuedAt": now,
        "processingStartedAt": now,
        "completionTime": now,
        "conditions": [{**condition, "lastTransitionTime": now}],
    }


async def run(kubeconfig: Path, workers: int) -> None:
    configuration = Configuration()
    await load_kube_config(config_file=str(kubeconfig), client_configuration=configuration)
    client = ApiClient(configuration)
    ssl = client.rest_client.ssl_context
    headers = await auth_headers(client)

    def session() -> aiohttp.ClientSession:
        return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0, ssl=ssl), headers=headers)

    async with session() as working, asyncio.TaskGroup() as group:
        worker = Worker(configuration.host, working)
        workers_running = [group.create_task(worker.work()) for _ in range(workers)]
        sys.stdout.write(f"{WATCHING}\n")
        sys.stdout.flush()
        await kopf.operator(
            registry=handlers(worker, configuration.host, session()),
            settings=kopf_settings(Watch()),
            standalone=True,
            clusterwide=True,
        )
        for task in workers_running:
            task.cancel()


def handlers(worker: Worker, server: str, session: aiohttp.ClientSession) -> kopf.OperatorRegistry:
    """Return kopf's handlers: each event of an open notification enqueues its key."""
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry)
    def login(**_: object) -> kopf.AiohttpSession:
        return kopf.AiohttpSession(server=server, aiohttp_session=session)

    @kopf.on.event(RESOURCE.group, RESOURCE.version, RESOURCE.plural, registry=registry)
    async def enqueue(type: str | None, event: kopf.RawEvent, **_: object) -> None:  # noqa: A002 - kopf's name
        obj: Any = event["object"]
        if type != "DELETED" and obj["status"]["phase"] == "Pending":
            worker.keys.put_nowait((obj["metadata"]["namespace"], obj["metadata"]["name"]))

    return registry


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.harness.prototype", description=__doc__)
    parser.add_argument("--kubeconfig", type=Path, required=True, help="how to reach the API server")
    parser.add_argument(
        "--workers", type=int, default=16, help="concurrent reconciliations (default: %(default)s)"
    )
    options = parser.parse_args()
    uvloop.run(run(options.kubeconfig, options.workers))


main()
