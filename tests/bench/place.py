"""The environment of the bench: an API server and etcd with only the CRDs in them, and a sink."""

from __future__ import annotations

import json
import re
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import Request, urlopen

from notification_contract.crds import notification_receiver, notification_request
from tests.bench.machine import processor_seconds
from tests.harness.cluster import Cluster
from tests.harness.control_plane import control_plane
from tests.harness.eventually import eventually
from tests.harness.logged_process import LoggedProcess
from tests.harness.process_account import ProcessAccount
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.bench.scenarios import Answers
    from tests.harness.control_plane import ControlPlane

LISTENS = re.compile(r"^listens on (\d+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The control plane with its cluster, and the sink's URL and process."""

    control_plane: ControlPlane
    cluster: Cluster
    generator: Path
    """The load generator's kubeconfig."""
    sink: str
    sink_pid: int
    base: Path = ROOT
    """The checkout of the commit that the operator is compared with."""

    def used(self) -> dict[str, float]:
        """Return the CPU seconds so far."""
        return {
            "API server": processor_seconds(self.control_plane.api_server),
            "etcd": processor_seconds(self.control_plane.etcd),
            "sink": processor_seconds(self.sink_pid),
        }

    def answer(self, answers: Answers) -> None:
        """Set the sink's answers, and reset its record."""
        body = json.dumps(asdict(answers)).encode()
        urlopen(Request(self.sink, data=body, method="PUT")).close()  # noqa: S310 - http by construction

    def seen(self) -> dict[int, list[tuple[float, float]]]:
        """Return start and end of each request at the sink, by the notification's number."""
        with urlopen(self.sink) as answer:  # noqa: S310 - http by construction
            result = json.load(answer)
        return {
            int(number): [(began, ended) for began, ended in attempts] for number, attempts in result.items()
        }


@contextmanager
def place(base: Path = ROOT) -> Iterator[Place]:
    """Start API server, etcd and sink, and remove everything at the end."""
    with control_plane() as started:
        cluster = Cluster(started.kubeconfig)
        for definition in (notification_request(), notification_receiver()):
            cluster.apply(definition)
        eventually(cluster.has_kind, bool, within=30)
        generator = _account(cluster, started.kubeconfig.with_name("generator"))
        with sink() as (url, pid):
            yield Place(
                control_plane=started, cluster=cluster, generator=generator, sink=url, sink_pid=pid, base=base
            )


def _account(cluster: Cluster, file: Path) -> Path:
    """Write a kubeconfig of an account with all rights and a token.

    The API server verifies a client certificate with each request, which would cost 10 % of its time.
    """
    namespace = cluster.create_namespace({})
    account = ProcessAccount(cluster, namespace)
    account.may_do_everything()
    account.write_kubeconfig(file)
    return file


@contextmanager
def sink() -> Iterator[tuple[str, int]]:
    """Start the sink; gives its URL and pid."""
    with tempfile.TemporaryDirectory(prefix="sink-") as folder:
        process = LoggedProcess([sys.executable, "-m", "tests.bench.sink"], Path(folder) / "log")
        try:
            port = process.wait_for(LISTENS)[1]
            yield f"http://127.0.0.1:{port}", process.pid
        finally:
            process.stop()
