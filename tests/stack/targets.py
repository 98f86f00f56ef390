"""Where the operators of a run are: pods of the stack, or processes of this machine that work beside them."""

from __future__ import annotations

import contextlib
import tempfile
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from tests.harness.node import Node
from tests.harness.operator_pod import Operator
from tests.harness.operator_process import OperatorProcess
from tests.harness.operators import LABEL, working
from tests.harness.process_account import ProcessAccount
from tests.harness.proxy_thread import proxy_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.harness.cluster import Cluster
    from tests.harness.place import EphemeralStack


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """An operator that works. `name` is the label of its namespaces and its path at the sink, `proxy` a URL."""

    name: str
    operator: Operator
    proxy: str


Reach: TypeAlias = "Callable[[str], Reached]"
"""Gives an operator by the name of its fixture, brought up when it is asked for first."""


@contextmanager
def reach(target: str, stack: EphemeralStack, cluster: Cluster) -> Iterator[Reach]:
    """Give the operators of a target, `pod` or `process`; what was brought up for it goes afterwards."""
    known: dict[str, Reached] = {}
    with contextlib.ExitStack() as cleanup:

        def found(name: str) -> Reached:
            if name not in known:
                known[name] = (
                    cleanup.enter_context(_process(name, stack, cluster))
                    if target == "process"
                    else _pod(name, stack, cluster)
                )
            return known[name]

        yield found


def _pod(name: str, stack: EphemeralStack, cluster: Cluster) -> Reached:
    spec = working(name)
    operator = Operator(cluster=cluster, node=Node(stack.container), namespace=spec.namespace)
    return Reached(name=spec.name, operator=operator, proxy=stack.proxy)


@contextmanager
def _process(name: str, stack: EphemeralStack, cluster: Cluster) -> Iterator[Reached]:
    known_as = f"{name}-{uuid.uuid4().hex[:8]}"
    # Some checks work in the namespace of the operator that serves them.
    namespace = cluster.create_namespace({LABEL: known_as})
    account = ProcessAccount(cluster, namespace)
    with contextlib.ExitStack() as cleanup:
        cleanup.callback(cluster.core.delete_namespace, namespace)
        cleanup.callback(account.remove)
        folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix=f"{known_as}-")))
        server, proxy = None, stack.proxy
        if "operatorEnv" in working(name).settings:
            place = cleanup.enter_context(proxy_thread(cluster))
            server, proxy = (
                f"https://{place.host}:{place.api_port}",
                f"http://{place.host}:{place.control_port}",
            )
        account.write_kubeconfig(folder / "kubeconfig", server=server)
        spec = replace(working(name), name=known_as, namespace=namespace)
        operator = OperatorProcess(
            cluster=cluster,
            node=Node(stack.container),
            spec=spec,
            sink=stack.sink,
            kubeconfig=folder / "kubeconfig",
        )
        cleanup.callback(operator.stop)
        operator.scale(1)
        yield Reached(name=known_as, operator=operator, proxy=proxy)
