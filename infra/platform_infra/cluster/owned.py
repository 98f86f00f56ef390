"""A cluster that another Pulumi stack owns: the connection comes from the outputs of that stack."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pulumi

from platform_infra.cluster.connection import ClusterError, Connection
from platform_infra.names import PREVIEW_CONTEXT

if TYPE_CHECKING:
    from platform_infra.children import Children

PREVIEW_KUBECONFIG = "previewKubeconfig"
"""The output of a base stack with the kubeconfig of the account for previews."""


def connect(owner: str, child: Children, *, restricted: bool = False) -> Connection:
    """Return the connection to the cluster of the stack `owner`, named `organization/project/stack`.

    A `restricted` connection uses the account for previews. The engine reads the outputs after the preparation, so a
    missing output fails the update itself.
    """
    reference = pulumi.StackReference(child.name("owner"), stack_name=owner, opts=child.options())
    may_vanish: pulumi.Output[bool] = reference.get_output("node").apply(bool)
    return Connection(
        kubeconfig=_output(reference, owner, PREVIEW_KUBECONFIG if restricted else "kubeconfig"),
        context=PREVIEW_CONTEXT if restricted else _output(reference, owner, "context"),
        may_vanish=may_vanish,
        lasting=may_vanish.apply(lambda vanishes: not vanishes),
    )


HINTS = {PREVIEW_KUBECONFIG: "set previewBase to true for it and run `up` for it"}


def _output(reference: pulumi.StackReference, owner: str, name: str) -> pulumi.Output[str]:
    output: pulumi.Output[Any] = reference.get_output(name)
    return output.apply(partial(_required, owner, name))


def _required(owner: str, name: str, value: Any) -> str:  # noqa: ANN401 - an output of another stack can be any value
    if not isinstance(value, str) or not value:
        hint = HINTS.get(name, "run `up` for it first, or correct clusterStack")
        raise ClusterError(
            f"clusterStack: the stack {owner} has no output {name}; {hint} (`pulumi stack ls --all` lists the stacks of a backend)"
        )
    return value
