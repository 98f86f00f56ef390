"""Settings for the cluster of a stack. Pure."""

from __future__ import annotations

from typing import Annotated

from pydantic import StringConstraints

from platform_infra.settings.cluster_kind import ClusterKind
from platform_infra.settings.sections.base import Section, StackName

KIND_NAME = r"[a-z0-9]([a-z0-9.-]{0,48}[a-z0-9])?"
"""The name of a cluster of `kind`."""


class Local(Section):
    """A node on this machine."""

    network_policy: bool = False
    """For `local`: whether the node enforces NetworkPolicies. The first use builds kube-router from Go modules, which takes about two minutes."""
    priority_and_fairness: bool = False
    """For `local`: whether the API server of the node queues requests by priority, as other clusters do."""


class Cluster(Section):
    """The cluster of the stack."""

    kind: ClusterKind = ClusterKind.LOCAL
    """Source of the cluster: `local` starts a node on this machine, `kind` creates a cluster with the command `kind`, `existing` uses the cluster of a kubeconfig, `stack` uses the cluster of another stack, `pod` the cluster of the pod that the program runs in."""
    kubeconfig: str = ""
    """For `existing`: path of a kubeconfig file, or its content (then set it with --secret)."""
    context: str = ""
    """For `existing`: context of that kubeconfig. The current context is never used."""
    stack: StackName = ""
    """For `stack`: stack that owns the cluster, as `organization/project/stack`. On a backend without organizations, the first part is the word `organization`."""
    kind_name: Annotated[str, StringConstraints(pattern=f"^({KIND_NAME})?$")] = ""
    """For `kind`: name of the cluster; empty for the name of the stack."""
    kind_image: str = ""
    """For `kind`: image of the nodes, such as `kindest/node:v1.36.1`; empty for the default of `kind`. A change creates the cluster again."""
    kind_config: str = ""
    """For `kind`: path of a configuration file of `kind`, absolute or relative to the project's folder. A change of its content creates the cluster again."""
    local: Local = Local()
