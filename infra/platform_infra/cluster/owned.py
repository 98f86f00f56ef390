"""A cluster that another Pulumi stack owns: the connection comes from the outputs of that stack."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import pulumi
import yaml

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
    name = PREVIEW_KUBECONFIG if restricted else "kubeconfig"
    kubeconfig = reference.get_output(name).apply(partial(kubeconfig_text, owner, name))
    # The name of a context is no secret, as the kubeconfig is.
    named = pulumi.Output.unsecret(pulumi.Output.all(kubeconfig, reference.get_output("context")))
    return Connection(
        kubeconfig=kubeconfig,
        context=PREVIEW_CONTEXT if restricted else named.apply(lambda parts: context_of(owner, *parts)),
        may_vanish=may_vanish,
        lasting=may_vanish.apply(lambda vanishes: not vanishes),
        identifier=reference.get_output("identifier").apply(lambda value: str(value or "")),
    )


HINTS = {PREVIEW_KUBECONFIG: "set previewBase to true for it and run `up` for it"}


def kubeconfig_text(owner: str, name: str, value: Any) -> str:  # noqa: ANN401 - an output of another stack can be any value
    """Return a kubeconfig, which a stack may output as text or as an object.

    Raises:
        ClusterError: the stack has no such output, or it is neither.
    """
    if not value:
        hint = HINTS.get(name, "run `up` for it first, or correct clusterStack")
        raise ClusterError(
            f"clusterStack: the stack {owner} has no output {name}; {hint} (`pulumi stack ls --all` lists the stacks of a backend)"
        )
    if isinstance(value, Mapping):
        return json.dumps(value)
    if not isinstance(value, str):
        raise ClusterError(
            f"clusterStack: the output {name} of the stack {owner} is of the type {type(value).__name__}; output a kubeconfig as "
            "text or as an object"
        )
    return value


def context_of(owner: str, kubeconfig: str, context: Any) -> str:  # noqa: ANN401 - as above
    """Return the context that a stack outputs, or else the current one of its kubeconfig.

    Raises:
        ClusterError: there is neither.
    """
    if context:
        return str(context)
    document = yaml.safe_load(kubeconfig)
    current = str(document.get("current-context") or "") if isinstance(document, dict) else ""
    if not current:
        raise ClusterError(
            f"clusterStack: the stack {owner} has no output context, and its kubeconfig names no current context; output one of both"
        )
    return current
