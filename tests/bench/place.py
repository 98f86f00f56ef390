"""Where the bench runs: an API server and etcd with only the CRDs in them, a sink, and the operators as processes."""

from __future__ import annotations

import contextlib
import json
import re
import sys
import tempfile
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import Request, urlopen

from notification_contract.crds import notification_receiver, notification_request
from tests.bench.machine import cpu_seconds
from tests.harness.authority import Authority
from tests.harness.cluster import Cluster
from tests.harness.control_plane import control_plane
from tests.harness.eventually import eventually
from tests.harness.logged_process import LoggedProcess
from tests.harness.operator_process import OperatorProcess
from tests.harness.operator_sources import checkout
from tests.harness.operators import LABEL, OperatorSpec
from tests.harness.process_account import ProcessAccount
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.harness.control_plane import ControlPlane
    from tests.harness.operator_sources import Sources

LISTENS = re.compile(r"^listens on (\d+) (\d+) (\d+)$", re.MULTILINE)
MALLOC = re.compile(r"(MALLOC_\w+)=(\d+)")
"""The memory settings of the operator's image, which local processes use as well."""


class Side(StrEnum):
    """Which operator."""

    OURS = "ours"
    BASE = "base"
    """The operator that it is compared with."""


@dataclass(frozen=True, slots=True)
class RunningSink:
    """The sink's process; `authority` signed the certificate of its HTTPS port."""

    url: str
    secure_url: str
    mail_port: int
    authority: str

    def answer(self, *, failing: int, delay: float) -> None:
        """Set the answers, and forget all notifications."""
        body = json.dumps({"failing": failing, "delay": delay}).encode()
        urlopen(Request(self.url, data=body, method="PUT")).close()  # noqa: S310 - http by construction


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What all measurements of a run share."""

    control_plane: ControlPlane
    cluster: Cluster
    token: str
    """The load generator's: the API server would verify a client certificate with each request, which takes 10 % of its time."""
    sink: RunningSink
    sources: Mapping[Side, Sources]

    def used(self, operator: int | None) -> dict[str, float]:
        """Return the CPU seconds so far of the operator, the API server and etcd; `operator` is a process id."""
        pids = {"API server": self.control_plane.api_server, "etcd": self.control_plane.etcd}
        used = {name: cpu_seconds(pid) for name, pid in pids.items()}
        return {"operator": cpu_seconds(operator) if operator else 0.0, **used}

    @contextmanager
    def operator(
        self, side: Side, settings: Mapping[str, Any]
    ) -> Iterator[tuple[OperatorProcess, Mapping[str, str]]]:
        """Give an operator that is not started yet, and the labels of the namespaces that it watches.

        It is stopped at the end, and its rights are removed. After a failure they stay, because the API server may be gone.
        """
        name, home = f"{side}-{uuid.uuid4().hex[:6]}", self.cluster.create_namespace({})
        account = ProcessAccount(self.cluster, home)
        with contextlib.ExitStack() as cleanup:
            folder = cleanup.enter_context(tempfile.TemporaryDirectory(prefix=f"{name}-"))
            kubeconfig = Path(folder) / "kubeconfig"
            account.write_kubeconfig(kubeconfig)
            process = OperatorProcess(
                cluster=self.cluster,
                spec=OperatorSpec(name=name, namespace=home, settings=settings),
                sink=self.sink.url,
                kubeconfig=kubeconfig,
                sources=self.sources[side].folder / "operator",
                variables=dict(MALLOC.findall((ROOT / "Dockerfile").read_text("utf-8"))),
            )
            cleanup.callback(process.stop)
            yield process, {LABEL: name}
        # The API server evaluates each request against all roles.
        account.remove()


@contextmanager
def running_bench(revisions: Mapping[Side, str]) -> Iterator[Bench]:
    """Start API server, etcd and sink, and remove everything at the end; an empty revision is this checkout."""
    with contextlib.ExitStack() as cleanup:
        sources = {side: cleanup.enter_context(checkout(name)) for side, name in revisions.items()}
        started = cleanup.enter_context(control_plane())
        cluster = Cluster(started.kubeconfig)
        for definition in (notification_request(), notification_receiver()):
            cluster.apply(definition)
        eventually(cluster.has_kind, bool, within=30)
        account = ProcessAccount(cluster, cluster.create_namespace({}))
        account.may_do_everything()
        sink, token = cleanup.enter_context(_sink()), account.token()
        yield Bench(control_plane=started, cluster=cluster, token=token, sink=sink, sources=sources)


@contextmanager
def _sink() -> Iterator[RunningSink]:
    with tempfile.TemporaryDirectory(prefix="sink-") as folder:
        authority = Authority(Path(folder))
        identity = authority.issue("sink")
        files = [str(identity.certificate), str(identity.key)]
        process = LoggedProcess([sys.executable, "-m", "tests.bench.sink", *files], Path(folder) / "log")
        try:
            plain, secure, mail = process.wait_for(LISTENS).groups()
            certificate = authority.file.read_text("utf-8")
            urls = f"http://127.0.0.1:{plain}", f"https://127.0.0.1:{secure}"
            yield RunningSink(*urls, int(mail), certificate)
        finally:
            process.stop()
