"""A cluster that another stack of Pulumi's owns: taken from that stack's outputs."""

from __future__ import annotations

from functools import partial
from typing import Any

import pulumi

from platform_infra.cluster.connection import ClusterError, Connection


def connect(owner: str, opts: pulumi.ResourceOptions) -> Connection:
    """Return the connection to the cluster of the stack `owner`, given as `organization/project/stack`.

    Its outputs are known once the engine has read them, so a missing one fails the run and not the preparation.
    """
    reference = pulumi.StackReference("owner", stack_name=owner, opts=opts)
    return Connection(
        kubeconfig=_output(reference, owner, "kubeconfig"),
        context=_output(reference, owner, "context"),
        may_vanish=reference.get_output("node").apply(bool),
    )


def _output(reference: pulumi.StackReference, owner: str, name: str) -> pulumi.Output[str]:
    found: pulumi.Output[Any] = reference.get_output(name)
    return found.apply(partial(_present, owner, name))


def _present(owner: str, name: str, value: Any) -> str:  # noqa: ANN401 - whatever the other stack gives out
    if not isinstance(value, str) or not value:
        raise ClusterError(
            f"clusterStack: the stack {owner} gives out no {name}; bring it up first, or correct clusterStack "
            "(`pulumi stack ls --all` lists the stacks of a backend)"
        )
    return value
