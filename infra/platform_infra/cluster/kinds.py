"""The kinds of cluster (DD-CLUSTER-001): `prepare` checks the settings and returns a function that creates the connection."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING, assert_never

import pulumi

from platform_infra.cluster.connection import ClusterError, Connect, Connection, Node
from platform_infra.cluster.existing import connect as connect_existing
from platform_infra.cluster.owned import connect as connect_owned
from platform_infra.settings.cluster_kind import ClusterKind
from platform_infra.settings.sections.cluster import KIND_NAME

if TYPE_CHECKING:
    from platform_infra.children import Children
    from platform_infra.settings.sections.cluster import Cluster, Local


def prepare(settings: Cluster, *, restricted: bool = False) -> Connect:
    """Check the settings before any resource is registered, and return a function that creates the connection.

    A `restricted` connection to the cluster of another stack uses the account for previews.

    Raises:
        ClusterError: this kind of cluster is not available.
    """
    match settings.kind:
        case ClusterKind.LOCAL:
            return partial(_local, settings.local)
        case ClusterKind.EXISTING | ClusterKind.POD:
            connection = connect_existing(settings)
            return lambda _child: connection
        case ClusterKind.STACK:
            return partial(connect_owned, settings.stack, restricted=restricted)
        case ClusterKind.KIND:
            return _prepare_kind(settings)
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


def _prepare_kind(settings: Cluster) -> Connect:
    """Check what `kind` needs: the command, a name, and the configuration file."""
    # Imported here: other kinds of cluster do not need the modules.
    from platform_infra.cluster.kind.command import PROGRAM, KindSpec, missing  # noqa: PLC0415
    from platform_infra.cluster.kind.provider import KindCluster  # noqa: PLC0415

    if which(PROGRAM) is None:
        raise ClusterError(missing())
    name = settings.kind_name or pulumi.get_stack()
    if not re.fullmatch(KIND_NAME, name):
        raise ClusterError(
            f"clusterKindName: it is empty, and the stack's name {name!r} is no name of a cluster of kind; set it to a name of "
            "at most 50 lower-case letters, digits, `-` and `.`"
        )
    spec = KindSpec(name=name, image=settings.kind_image, config=_kind_config(settings.kind_config))

    def connect(child: Children) -> Connection:
        cluster = KindCluster(child.name("kind"), spec=spec, opts=child.options())
        node = Node(resource=cluster, container=cluster.container, identity=cluster.identity)
        return Connection(kubeconfig=cluster.kubeconfig, context=cluster.context, node=node, may_vanish=True)

    return connect


def _kind_config(path: str) -> str:
    """Return the content of a configuration file of `kind`; empty without a path."""
    if not path:
        return ""
    file = Path(path).expanduser()
    try:
        return file.read_text("utf-8")
    except OSError as error:
        hint = "set it to the path of a file, absolute or relative to the project's folder"
        raise ClusterError(f"clusterKindConfig: cannot read {file} ({error.strerror}); {hint}") from None
