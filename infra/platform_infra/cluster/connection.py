"""What every kind of cluster has to offer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pulumi


class ClusterError(pulumi.RunError):
    """A cluster cannot be had; the message names it and the remedy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A node on this machine that images can be loaded into.

    `identity` changes whenever the node is made anew under the same container name.
    """

    resource: pulumi.Resource
    container: pulumi.Input[str]
    identity: pulumi.Input[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """The way to an API server: kubeconfig content and the context to use of it; `node` where this stack owns it."""

    kubeconfig: pulumi.Input[str]
    context: pulumi.Input[str]
    node: Node | None = None
    may_vanish: pulumi.Input[bool] = False
    """Whether the cluster may be gone with all that it held, so that nothing is left to delete."""


Connect = Callable[[pulumi.ResourceOptions], Connection]
"""Makes the connection, with the options that its resources get."""
