"""Replicas of one operator, as local processes that share the work by Leases."""

from __future__ import annotations

import contextlib
import re
import tempfile
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from notification_domain.key import shard_of
from tests.harness.eventually import eventually
from tests.harness.operator_process import OperatorProcess
from tests.harness.operators import LABEL, working
from tests.harness.process_account import ProcessAccount

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.harness.cluster import Cluster
    from tests.harness.place import EphemeralStack

SHARDS = 4
HOLDER = re.compile(r".*-(\d+)-[0-9a-f]{8}")
"""The identity of a replica: host, process and a random part."""


@dataclass(kw_only=True)
class Replicas:
    """The replicas of one namespace, which they also watch. `name` is their path at the sink."""

    name: str
    namespace: str
    cluster: Cluster
    stack: EphemeralStack
    account: ProcessAccount
    cleanup: contextlib.ExitStack

    def start(self) -> OperatorProcess:
        """Start another replica, and return it when it is ready."""
        folder = Path(self.cleanup.enter_context(tempfile.TemporaryDirectory(prefix=f"{self.name}-")))
        self.account.write_kubeconfig(folder / "kubeconfig")
        spec = working("shipped")
        settings = {**spec.settings, "operatorShards": SHARDS, "channelsFileEnabled": False}
        created = OperatorProcess(
            cluster=self.cluster,
            spec=replace(spec, name=self.name, namespace=self.namespace, settings=settings),
            sink=self.stack.sink,
            kubeconfig=folder / "kubeconfig",
        )
        self.cleanup.callback(created.stop)
        created.scale(1)
        return created

    def shares(self) -> dict[int, set[int]]:
        """Return the shards whose Leases a process holds, by its pid."""
        path = f"/apis/coordination.k8s.io/v1/namespaces/{self.namespace}/leases"
        result: dict[int, set[int]] = {}
        for lease in self.cluster.request("GET", path)["items"]:
            name, holder = lease["metadata"]["name"], HOLDER.fullmatch(lease["spec"]["holderIdentity"] or "")
            if holder and "-member-" not in name:
                result.setdefault(int(holder[1]), set()).add(int(name.partition("-shard-")[2] or 0))
        return result

    def share(self, one: OperatorProcess) -> set[int]:
        """Return the shards whose Leases a replica holds."""
        return self.shares().get(one.pid, set())

    def even(self, *present: OperatorProcess, within: float) -> None:
        """Wait until these replicas, and no others, hold equal shares."""
        each = SHARDS // len(present)
        wanted = {one.pid: each for one in present}
        eventually(
            lambda: {pid: len(shards) for pid, shards in self.shares().items()},
            lambda sizes: sizes == wanted,
            within=within,
        )


@contextmanager
def replicas(stack: EphemeralStack, cluster: Cluster) -> Iterator[Replicas]:
    """Give a place for replicas; the place and all its replicas are removed afterwards."""
    name = f"shares-{uuid.uuid4().hex[:8]}"
    namespace = cluster.create_namespace({LABEL: name})
    with contextlib.ExitStack() as cleanup:
        cleanup.callback(cluster.core.delete_namespace, namespace)
        account = ProcessAccount(cluster, namespace, shares=True)
        cleanup.callback(account.remove)
        yield Replicas(
            name=name, namespace=namespace, cluster=cluster, stack=stack, account=account, cleanup=cleanup
        )


def shard(obj: dict[str, dict[str, str]]) -> int:
    return shard_of(obj["metadata"]["uid"], SHARDS)
