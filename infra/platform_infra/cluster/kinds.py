"""The kinds of cluster: `prepare` checks the settings and returns a function that creates the connection."""

from __future__ import annotations

from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, assert_never

import pulumi

from platform_infra.cluster.connection import ClusterError, Connect, Connection, Node
from platform_infra.cluster.existing import connect as connect_existing
from platform_infra.cluster.owned import connect as connect_owned
from platform_infra.settings.sections.cluster import ClusterKind

if TYPE_CHECKING:
    from platform_infra.children import Children
    from platform_infra.settings.sections.cluster import Cluster, Eks, Local

CREATE_COMMANDS = {
    ClusterKind.KIND: "kind create cluster --name notification && kind get kubeconfig --name notification > kubeconfig",
    ClusterKind.K3S: "docker run -d --privileged -p 6443:6443 rancher/k3s server",
}

NO_EKS = (
    "clusterKind: `eks` needs the optional package pulumi-aws; install it into the program's environment: "
    "`uv pip install --require-hashes --no-deps -r requirements-eks.lock`, or `pip install 'notification-platform[eks]'`"
)


def prepare(settings: Cluster, *, restricted: bool = False) -> Connect:
    """Check the settings before any resource is registered, and return a function that creates the connection.

    A `restricted` connection to the cluster of another stack uses the account for previews.

    Raises:
        ClusterError: this kind of cluster is not available.
    """
    match settings.kind:
        case ClusterKind.LOCAL:
            return partial(_local, settings.local)
        case ClusterKind.EXISTING:
            connection = connect_existing(settings.kubeconfig, settings.context)
            return lambda _child: connection
        case ClusterKind.STACK:
            return partial(connect_owned, settings.stack, restricted=restricted)
        case ClusterKind.EKS:
            if find_spec("pulumi_aws") is None:
                raise ClusterError(NO_EKS)
            return partial(_eks, settings.eks)
        case ClusterKind.KIND | ClusterKind.K3S:
            raise _unsupported(settings.kind)
        case _:
            assert_never(settings.kind)


def _local(settings: Local, child: Children) -> Connection:
    # Imported here: other kinds of cluster do not need the module.
    from platform_infra.cluster.local.provider import LocalNode  # noqa: PLC0415
    from platform_infra.cluster.local.spec import NodeOptions  # noqa: PLC0415

    options = NodeOptions(
        network_policy=settings.network_policy, priority_and_fairness=settings.priority_and_fairness
    )
    node = LocalNode(child.name("node"), stack=pulumi.get_stack(), options=options, opts=child.options())
    return Connection(
        kubeconfig=node.kubeconfig,
        context=node.context,
        node=Node(resource=node, container=node.container, identity=node.identity),
        may_vanish=True,
    )


def _eks(settings: Eks, child: Children) -> Connection:
    from platform_infra.cluster.eks import connect  # noqa: PLC0415 - pulumi-aws is optional

    return connect(settings, pulumi.get_stack(), child)


def _unsupported(kind: ClusterKind) -> ClusterError:
    return ClusterError(
        f"clusterKind: this program does not create `{kind}` clusters, because their images are not available "
        f"everywhere; create one with `{CREATE_COMMANDS[kind]}` and set clusterKind to `existing` with "
        "clusterKubeconfig and clusterContext, or use `local`"
    )
