"""The connection to a cluster, which every kind of cluster provides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi

if TYPE_CHECKING:
    from platform_infra.children import Children


class ClusterError(pulumi.RunError):
    """The cluster is not available; the message names the setting and the next step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A node on this machine that images can be loaded into.

    `identity` changes when the node is recreated under the same container name.
    """

    resource: pulumi.Resource
    container: pulumi.Input[str]
    identity: pulumi.Input[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """How to reach an API server: the content of a kubeconfig and its context; `node` if this stack owns a local node."""

    kubeconfig: pulumi.Input[str]
    context: pulumi.Input[str]
    node: Node | None = None
    may_vanish: pulumi.Input[bool] = False
    """Whether the cluster can disappear with all its objects, so that Pulumi need not delete them."""
    provider: pulumi.ProviderResource | None = None
    """The program's own Kubernetes provider, which is used as it is. Kubeconfig and context are then empty."""
    identifier: pulumi.Input[str] = ""
    """What the owner of the cluster identifies it by; empty if the owner does not say."""
    lasting: pulumi.Input[bool] = False
    """Whether the cluster exists independently of this program: another cluster at its address is a mistake."""
    shared: bool = False
    """Whether others may have objects in the cluster, although this program may have created it."""


Connect = Callable[["Children"], Connection]
"""Creates the connection; the argument names its resources."""
