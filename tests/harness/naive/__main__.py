"""The naive controller as a process: `python -m tests.harness.naive --kubeconfig FILE --sink URL`.

It prints JSON records, one per line: `watching` after its first list, then the output of its console channel.
It runs until a signal ends it.
"""

from __future__ import annotations

import argparse
import asyncio
from datetime import UTC, datetime
from pathlib import Path

from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.config import load_kube_config

from atomic_status import KubeStatusStore
from notification_contract.settings import Log, Redaction
from notification_domain.redaction.redactor import rules
from notification_operator.controller.workqueue import WorkQueue
from notification_runtime.delivery.http_client import HttpClient
from notification_runtime.telemetry import logging as log
from tests.harness.naive.cache import RESOURCE, WatchCache
from tests.harness.naive.controller import Controller


async def run(arguments: argparse.Namespace) -> None:
    configuration = Configuration()
    configuration.connection_pool_maxsize = arguments.workers + 4
    await load_kube_config(config_file=str(arguments.kubeconfig), client_configuration=configuration)
    async with ApiClient(configuration) as client:
        cache = WatchCache(client, namespace=arguments.namespace)
        controller = Controller(
            cached=cache.get,
            store=KubeStatusStore(client, RESOURCE),
            receiver=HttpClient(arguments.sink, connections=arguments.workers),
            clock=lambda: datetime.now(UTC),
        )
        queue = WorkQueue(workers=arguments.workers, clock=lambda: datetime.now(UTC))
        async with asyncio.TaskGroup() as group:
            group.create_task(queue.run(controller, admit=lambda _key: True))
            group.create_task(cache.follow(queue.add))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.harness.naive", description=__doc__)
    parser.add_argument("--kubeconfig", type=Path, required=True, help="how to reach the API server")
    parser.add_argument("--sink", required=True, help="the URL that the channel slack posts to")
    parser.add_argument("--namespace", help="the only namespace to watch; default: all")
    parser.add_argument(
        "--workers", type=int, default=10, help="concurrent reconciliations (default: %(default)s)"
    )
    log.configure(Log(), rules(Redaction()))
    asyncio.run(run(parser.parse_args()))


main()
