"""A cluster that another Pulumi stack owns: the connection comes from the outputs of that stack."""

from __future__ import annotations

from functools import partial
from typing import Any

import pulumi

from platform_infra.cluster.connection import ClusterError, Connection


def connect(owner: str, opts: pulumi.ResourceOptions) -> Connection:
    """Return the connection to the cluster of the stack `owner`, named `organization/project/stack`.

    The engine reads the outputs after the preparation, so a missing output fails the update itself.
    """
    reference = pulumi.StackReference("owner", stack_name=owner, opts=opts)
    return Connection(
        kubeconfig=_output(reference, owner, "kubeconfig"),
        context=_output(reference, owner, "context"),
        may_vanish=reference.get_output("node").apply(bool),
    )


def _output(reference: pulumi.StackReference, owner: str, name: str) -> pulumi.Output[str]:
    output: pulumi.Output[Any] = reference.get_output(name)
    return output.apply(partial(_required, owner, name))


def _required(owner: str, name: str, value: Any) -> str:  # noqa: ANN401 - an output of another stack can be any value
    if not isinstance(value, str) or not value:
        raise ClusterError(
            f"clusterStack: the stack {owner} has no output {name}; run `up` for it first, or correct clusterStack "
            "(`pulumi stack ls --all` lists the stacks of a backend)"
        )
    return value
