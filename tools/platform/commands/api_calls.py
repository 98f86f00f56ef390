"""Count the operator's API calls per notification in the API server's audit log, and measure the latency."""

from __future__ import annotations

import asyncio
import json
import subprocess
import time
import uuid
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import typer
from kubernetes.aio import client, config, watch
from rich.table import Table

from tools.platform.console import out
from tools.platform.errors import PlatformError
from tools.platform.options import Stack  # noqa: TC001 - typer reads it
from tools.platform.pulumi.environment import ROOT
from tools.platform.pulumi.kubeconfig import kubeconfig_path
from tools.platform.pulumi.stack import check_exists, open_stack, outputs

if TYPE_CHECKING:
    from collections.abc import Iterator

COUNT, RATE, IDLE_SECONDS = 50, 5.0, 10.0
NAMESPACE = f"measure-{uuid.uuid4().hex[:6]}"
"""A namespace that is new for each run, because the one of the previous run may still be terminating."""
KIND = ("kubernaut.ai", "v1alpha1", NAMESPACE, "notificationrequests")
EXPECTED = {("get", "notificationrequests"): COUNT, ("update", "notificationrequests/status"): COUNT}
WATCHED = ("notificationrequests", "notificationreceivers", "secrets", "configmaps", "namespaces")
BACKGROUND = {
    *((verb, resource) for resource in WATCHED for verb in ("list", "watch")),
    ("update", "leases"),
    ("list", "leases"),
}
"""Calls of an idle operator."""

app = typer.Typer(add_completion=False)


class CallCountError(PlatformError):
    """A notification costs more or less than one read and one write."""


async def measure(kubeconfig: str) -> list[float]:
    """Create the notifications; return the milliseconds from each creation to Sent, as a watch reports it."""
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
    counts: Counter[tuple[str, str]] = Counter()
    for entry in _entries(log):
        if entry["user"].get("username") == account and _time(entry) >= since:
            target = entry.get("objectRef", {})
            resource = "/".join(filter(None, (target.get("resource"), target.get("subresource"))))
            counts[entry["verb"], resource or entry["requestURI"]] += 1
    return counts


def _entries(log: str) -> Iterator[dict[str, Any]]:
    for line in log.splitlines():
        entry = json.loads(line)
        if entry.get("stage") == "ResponseComplete":
            yield entry


def _time(entry: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(entry["requestReceivedTimestamp"])


@app.command("api-calls")
def api_calls(stack: Stack = "dev") -> None:
    """Count the operator's API calls per notification in the API server's audit log.

    Creates console notifications at a steady rate and lists every call of the operator. The figures are also written to
    build/api-calls.json. Fails unless each notification costs exactly one read and one write.

    Example: `api-calls` after `up`.
    """
    check_exists(stack)
    values = outputs(open_stack(stack))
    since = datetime.now(UTC)
    latencies = asyncio.run(measure(str(kubeconfig_path(stack))))
    account = f"system:serviceaccount:{values['namespace']}:notification-operator"
    counts = calls(values["node"], account, since)
    out.print(_table(counts))
    p50, longest = latencies[COUNT // 2], latencies[-1]
    out.print(
        f"create to Sent at {RATE:g}/s, {COUNT} notifications: p50 {p50:.1f} ms, longest {longest:.1f} ms"
    )
    (ROOT / "build").mkdir(exist_ok=True)
    figures = {"calls": {" ".join(key): count for key, count in counts.items()}, "latencies_ms": latencies}
    (ROOT / "build" / "api-calls.json").write_text(json.dumps(figures, indent=2))
    if {key: count for key, count in counts.items() if key not in BACKGROUND} != EXPECTED:
        raise CallCountError(f"the calls differ from the expected ones: {EXPECTED}")


def _table(counts: Counter[tuple[str, str]]) -> Table:
    table = Table("verb", "resource", "calls", "per notification")
    for (verb, resource), count in sorted(counts.items()):
        share = "-" if (verb, resource) in BACKGROUND else f"{count / COUNT:g}"
        table.add_row(verb, resource, str(count), share)
    return table
