"""Where the measures are made: a node with nothing but the CRD in it, and a sink beside it."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import Request, urlopen

import docker
import yaml

from platform_infra.cluster.local.spec import API_PORT
from platform_infra.crds import notification_request
from tests.bench.controllers import Telling
from tests.support.bare_node import bare_node
from tests.support.cluster import Cluster
from tests.support.eventually import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.bench.scenarios import Answers

REACHED_WITHIN = 2.0
LISTENS = re.compile(r"^listens on (\d+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A node's container, its cluster, and the sink's URL and process."""

    container: str
    cluster: Cluster
    sink: str
    sink_pid: int
    version: str = field(default="")
    """The API server's."""

    def answer(self, answers: Answers) -> None:
        """Have the sink answer so, and forget what it has seen."""
        body = json.dumps(asdict(answers)).encode()
        urlopen(Request(self.sink, data=body, method="PUT")).close()  # noqa: S310 - http by construction

    def seen(self) -> dict[int, list[tuple[float, float]]]:
        """Return begin and end of each request that the sink has seen, by the notification's number."""
        with urlopen(self.sink) as answer:  # noqa: S310 - http by construction
            found = json.load(answer)
        return {int(number): [(began, ended) for began, ended in tries] for number, tries in found.items()}


@contextmanager
def place() -> Iterator[Place]:
    """Bring the place up, and take it away again whatever happens."""
    with bare_node() as node:
        file = Path(node.kubeconfig)
        file.write_text(_direct(file.read_text(), node.container))
        cluster = Cluster(file)
        cluster.apply(dict(notification_request()))
        eventually(cluster.has_kind, bool, within=30)
        with sink() as (url, pid):
            version = cluster.request("GET", "/version")["gitVersion"]
            yield Place(container=node.container, cluster=cluster, sink=url, sink_pid=pid, version=version)


@contextmanager
def sink() -> Iterator[tuple[str, int]]:
    """Start the sink; gives its URL and the id of its process."""
    with tempfile.TemporaryDirectory(prefix="sink-") as folder:
        process = Telling([sys.executable, "-m", "tests.bench.sink"], Path(folder) / "log")
        try:
            port = process.until(LISTENS)[1]
            yield f"http://127.0.0.1:{port}", process.pid
        finally:
            process.stop()


def _direct(kubeconfig: str, container: str) -> str:
    """Have the kubeconfig name the container's own address, where this machine reaches that.

    Docker's way to a published port is a process that copies every byte, and would be measured too.
    """
    client = docker.from_env()
    with contextlib.closing(client):
        networks = client.containers.get(container).attrs["NetworkSettings"]["Networks"]
    port = int(API_PORT.partition("/")[0])
    for address in filter(None, (network["IPAddress"] for network in networks.values())):
        with contextlib.suppress(OSError):
            socket.create_connection((address, port), timeout=REACHED_WITHIN).close()
            document = yaml.safe_load(kubeconfig)
            document["clusters"][0]["cluster"]["server"] = f"https://{address}:{port}"
            return str(yaml.safe_dump(document))
    return kubeconfig
