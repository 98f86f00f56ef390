"""Count what a quickly delivered notification costs, from the API server's own audit log, and time it.

Creates console notifications at a light, steady rate, waits, and lists every call that the operator
made meanwhile. The figures also go to build/api-calls.json.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
import uuid
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from kubernetes.aio import client, config, watch
from rich.console import Console
from rich.table import Table

from tools.platform.pulumi.environment import ROOT
from tools.platform.pulumi.kubeconfig import kubeconfig_path
from tools.platform.pulumi.stack import open_stack, outputs

if TYPE_CHECKING:
    from collections.abc import Iterator

COUNT, RATE, IDLE_SECONDS = 50, 5.0, 10.0
NAMESPACE = f"measure-{uuid.uuid4().hex[:6]}"
"""New for each run: the last run's may still be on its way out."""
KIND = ("kubernaut.ai", "v1alpha1", NAMESPACE, "notificationrequests")
EXPECTED = {("get", "notificationrequests"): COUNT, ("update", "notificationrequests/status"): COUNT}
FREE = {
    ("watch", "notificationrequests"),
    ("list", "notificationrequests"),
    ("update", "leases"),
    ("list", "leases"),
}
"""What an idle operator does too."""


async def measure(kubeconfig: str) -> list[float]:
    """Create the notifications; return the milliseconds from each creation to Sent, as a watch sees it."""
    await config.load_kube_config(kubeconfig)
    async with client.ApiClient() as api_client:
        objects, core = client.CustomObjectsApi(api_client), client.CoreV1Api(api_client)
        await core.create_namespace({"metadata": {"name": NAMESPACE}})
        try:
            return await _run(objects)
        finally:
            await core.delete_namespace(NAMESPACE)


async def _run(objects: client.CustomObjectsApi) -> list[float]:
    created: dict[str, float] = {}
    sent: dict[str, float] = {}

    async def follow() -> None:
        async with watch.Watch().stream(objects.list_namespaced_custom_object, *KIND) as events:
            async for event in events:
                name = event["object"]["metadata"]["name"]
                if event["object"]["status"]["phase"] == "Sent":
                    sent.setdefault(name, time.perf_counter())
                if len(sent) == COUNT:
                    return

    following = asyncio.create_task(follow())
    for index in range(COUNT):
        name = f"n-{index}"
        created[name] = time.perf_counter()
        await objects.create_namespaced_custom_object(*KIND, _notification(name))
        await asyncio.sleep(1 / RATE)
    await asyncio.wait_for(following, 30)
    await asyncio.sleep(IDLE_SECONDS)
    return sorted((sent[name] - created[name]) * 1000 for name in created)


def _notification(name: str) -> dict[str, Any]:
    spec = {"type": "simple", "subject": "measure", "body": "measure", "channels": ["console"]}
    meta = {"name": name, "namespace": NAMESPACE}
    return {
        "apiVersion": "kubernaut.ai/v1alpha1",
        "kind": "NotificationRequest",
        "metadata": meta,
        "spec": spec,
    }


def calls(container: str, account: str, since: datetime) -> Counter[tuple[str, str]]:
    """Count the account's calls in the audit log, by verb and resource."""
    command = ["docker", "exec", container, "sh", "-c", "cat /var/log/kubernetes/audit*.log"]
    log = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    counted: Counter[tuple[str, str]] = Counter()
    for entry in _entries(log):
        if entry["user"].get("username") == account and _time(entry) >= since:
            target = entry.get("objectRef", {})
            resource = "/".join(filter(None, (target.get("resource"), target.get("subresource"))))
            counted[entry["verb"], resource or entry["requestURI"]] += 1
    return counted


def _entries(log: str) -> Iterator[dict[str, Any]]:
    for line in log.splitlines():
        entry = json.loads(line)
        if entry.get("stage") == "ResponseComplete":
            yield entry


def _time(entry: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(entry["requestReceivedTimestamp"])


def main(arguments: list[str]) -> int:
    """Run the command; the exit code is 1 when a notification costs anything but one read and one write."""
    console, name = Console(), arguments[0] if arguments else "dev"
    made = outputs(open_stack(name))
    since = datetime.now(UTC)
    latencies = asyncio.run(measure(str(kubeconfig_path(name))))
    account = f"system:serviceaccount:{made['namespace']}:notification-operator"
    counted = calls(made["node"], account, since)
    table = Table("verb", "resource", "calls", "for each notification")
    for (verb, resource), count in sorted(counted.items()):
        free = (verb, resource) in FREE
        table.add_row(verb, resource, str(count), "-" if free else f"{count / COUNT:g}")
    console.print(table)
    p50, p99 = latencies[COUNT // 2], latencies[-1]
    console.print(
        f"create to Sent at {RATE:g}/s, {COUNT} notifications: p50 {p50:.1f} ms, longest {p99:.1f} ms"
    )
    (ROOT / "build").mkdir(exist_ok=True)
    figures = {"calls": {" ".join(key): count for key, count in counted.items()}, "latencies_ms": latencies}
    (ROOT / "build" / "api-calls.json").write_text(json.dumps(figures, indent=2))
    paid = {key: count for key, count in counted.items() if key not in FREE}
    if paid != EXPECTED:
        console.print(f"error: expected {EXPECTED}", highlight=False)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
