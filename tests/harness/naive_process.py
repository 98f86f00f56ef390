"""The naive controller as a local process, behind its own fault proxy."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.harness.eventually import eventually
from tests.harness.faultproxy_client import FaultProxy
from tests.harness.operators import LABEL
from tests.harness.process_account import ProcessAccount
from tests.harness.proxy_thread import proxy_thread
from tests.harness.sink_client import SlackSink
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.harness.cluster import Cluster
    from tests.harness.place import EphemeralStack

READY_WITHIN = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Naive:
    """The parts of `OperatorUnderTest` that tests of it use."""

    cluster: Cluster
    namespace: str
    """The only namespace that it watches."""
    slack: SlackSink
    proxy: FaultProxy


@contextmanager
def naive_controller(stack: EphemeralStack, cluster: Cluster) -> Iterator[Naive]:
    """Start it with the operator's rights and a namespace of its own; both are removed afterwards."""
    known_as = f"naive-{uuid.uuid4().hex[:8]}"
    namespace = cluster.create_namespace({LABEL: known_as})
    with contextlib.ExitStack() as cleanup:
        cleanup.callback(cluster.core.delete_namespace, namespace)
        account = ProcessAccount(cluster, namespace)
        cleanup.callback(account.remove)
        place = cleanup.enter_context(proxy_thread(cluster))
        folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix=f"{known_as}-")))
        account.write_kubeconfig(folder / "kubeconfig", server=f"https://{place.host}:{place.api_port}")
        sink = f"{stack.sink}/slack/{known_as}"
        cleanup.enter_context(_process(folder, "--sink", sink, "--namespace", namespace))
        yield Naive(
            cluster=cluster,
            namespace=namespace,
            slack=SlackSink(stack.sink, known_as),
            proxy=FaultProxy(f"http://{place.host}:{place.control_port}"),
        )


@contextmanager
def _process(folder: Path, *arguments: str) -> Iterator[None]:
    """Run it during the block, once it watches."""
    command = [sys.executable, "-m", "tests.harness.naive", "--kubeconfig", str(folder / "kubeconfig")]
    path = os.pathsep.join(str(ROOT / source) for source in (".", "operator"))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, *arguments], env={**os.environ, "PYTHONPATH": path}, stdout=log, stderr=log, cwd=ROOT
        )
    try:
        eventually((folder / "log").read_text, _is_watching(process), within=READY_WITHIN)
        yield
    finally:
        process.kill()
        process.wait()


def _is_watching(process: subprocess.Popen[bytes]) -> Callable[[str], bool]:
    def holds(log: str) -> bool:
        assert process.poll() is None, f"the naive controller has ended:\n{log[-3000:]}"
        return '"event":"watching"' in log

    return holds
