"""Messages over HTTP: two sources, the way to the gateway, and what sends to them from this machine."""

from __future__ import annotations

import contextlib
import secrets
import tempfile
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

import urllib3

from notification_contract.names import GATEWAY, SOURCES_SECRET_LABEL
from tools.platform.console import out
from tools.platform.demo.alerting import alerting
from tools.platform.demo.cluster import Object, manifests, wait
from tools.platform.demo.programs import HOST, READY_SECONDS, running
from tools.platform.ports import free_port
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tools.platform.demo.cluster import DemoCluster

FOLDER = ROOT / "examples" / "demo" / "sources"
SECRET = "demo-source"  # noqa: S105 - its name
HEARTBEAT = "demo-backup"
FIRING, RESOLVED = "Firing: DiskAlmostFull", "Resolved: DiskAlmostFull"
MISSED, BACK = "The backup did not run", "Back: The backup did not run"
ARRIVAL_SECONDS = 45.0
"""A heartbeat is missing 15 s after the one before, and is reported within 10 s more."""


def has_gateway(cluster: DemoCluster, home: str) -> bool:
    metadata = {"namespace": home, "name": GATEWAY}
    return cluster.get({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata}) is not None


@contextlib.contextmanager
def sources(cluster: DemoCluster, home: str) -> Iterator[str]:
    """Create the sources with a Secret, and yield the token in it; delete all of them after the block.

    If they stayed, the operator would report that heartbeats are missing.
    """
    token = secrets.token_urlsafe(32)
    metadata = {"namespace": home, "name": SECRET, "labels": {SOURCES_SECRET_LABEL: "true"}}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"token": token}}
    with contextlib.ExitStack() as cleanup:
        for each in (secret, *manifests(FOLDER, home)):
            cleanup.callback(cluster.delete, each)
            cluster.replace(each)
        yield token


@contextlib.contextmanager
def forwarded(kubeconfig: Path, home: str) -> Iterator[str]:
    """Yield a URL of this machine that leads to the gateway until the end of the block."""
    port = free_port()
    way = ("port-forward", f"--address={HOST}", f"service/{GATEWAY}", f"{port}:http")
    options = (f"--kubeconfig={kubeconfig}", f"--namespace={home}")
    url = f"http://{HOST}:{port}"
    with (
        tempfile.TemporaryDirectory(prefix="demo-gateway-") as folder,
        running("kubectl", *options, *way, folder=Path(folder), ready=url),
    ):
        yield url


def send_messages(gateway: str, token: str, inbox: Callable[[], list[Object]]) -> list[Object]:
    """Let an alert fire and resolve, and a heartbeat stay away and come back; return what has arrived.

    Args:
        gateway: its URL.
        token: what the sources accept.
        inbox: returns all messages, oldest first.
    """
    last = max((each["number"] for each in inbox()), default=0)

    def arrived() -> list[Object]:
        return [each for each in inbox() if each["number"] > last]

    def expect(subject: str) -> None:
        def is_there() -> bool:
            return any(each["subject"] == subject for each in arrived())

        wait(is_there, seconds=ARRIVAL_SECONDS, what=f"the inbox has {subject!r}")
        out.print(f"  in the inbox: {subject}")

    def beat() -> None:
        wait(lambda: _beat(gateway, token), seconds=READY_SECONDS, what="the gateway takes a heartbeat")

    out.print("A backup job sends a heartbeat; the next one is due in 10 s.")
    beat()
    with alerting(gateway, token) as disk:
        out.print("The disk of db-1 fills up: Prometheus fires, and Alertmanager posts to the gateway.")
        disk.set(0.97)
        expect(FIRING)
        out.print("The disk has room again.")
        disk.set(0.42)
        expect(RESOLVED)
    out.print("The backup job sends no further heartbeat: after 15 s, one is missing.")
    expect(MISSED)
    out.print("The backup job sends a heartbeat again.")
    beat()
    expect(BACK)
    return arrived()


def _beat(gateway: str, token: str) -> bool:
    """Send a heartbeat; return whether it was taken. The gateway learns of a new source a moment later."""
    headers = {"Authorization": f"Bearer {token}"}
    answer = urllib3.request("POST", f"{gateway}/hook/{HEARTBEAT}", headers=headers, timeout=10.0)
    return answer.status == HTTPStatus.OK
