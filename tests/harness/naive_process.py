"""The naive controller as a local process, behind its own fault proxy."""

from __future__ import annotations

import contextlib
import re
import sys
import tempfile
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.harness.faultproxy_client import FaultProxy
from tests.harness.logged_process import LoggedProcess
from tests.harness.operators import LABEL
from tests.harness.process_account import ProcessAccount
from tests.harness.proxy_thread import proxy_thread
from tests.harness.sink_client import SlackSink

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.harness.cluster import Cluster
    from tests.harness.place import EphemeralStack

WATCHING = re.compile(r'"event":\s*"watching"')


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
    unique = f"naive-{uuid.uuid4().hex[:8]}"
    namespace = cluster.create_namespace({LABEL: unique})
    with contextlib.ExitStack() as cleanup:
        cleanup.callback(cluster.core.delete_namespace, namespace)
        account = ProcessAccount(cluster, namespace)
        cleanup.callback(account.remove)
        address = cleanup.enter_context(proxy_thread(cluster))
        folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix=f"{unique}-")))
        account.write_kubeconfig(folder / "kubeconfig", server=f"https://{address.host}:{address.api_port}")
        sink = f"{stack.sink}/slack/{unique}"
        command = [sys.executable, "-m", "tests.harness.naive", "--kubeconfig", str(folder / "kubeconfig")]
        process = LoggedProcess([*command, "--sink", sink, "--namespace", namespace], folder / "log")
        cleanup.callback(process.stop)
        process.wait_for(WATCHING)
        yield Naive(
            cluster=cluster,
            namespace=namespace,
            slack=SlackSink(stack.sink, unique),
            proxy=FaultProxy(f"http://{address.host}:{address.control_port}"),
        )
