"""The settings for the cluster that everything is put into. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from platform_infra.settings.base import Section, StackName


class ClusterKind(StrEnum):
    """Where the cluster comes from."""

    LOCAL = "local"
    EXISTING = "existing"
    STACK = "stack"
    EKS = "eks"
    KIND = "kind"
    K3S = "k3s"


class Eks(Section):
    """A cluster of Amazon's EKS, which this stack makes in subnets that exist."""

    subnets: tuple[Annotated[str, StringConstraints(pattern=r"^subnet-[0-9a-f]+$")], ...] = ()
    """For `eks`: two subnets or more, in different zones, by id."""
    version: Annotated[str, StringConstraints(pattern=r"^([0-9]+\.[0-9]+)?$")] = ""
    """For `eks`: the version of Kubernetes, such as `1.36`; empty for Amazon's default."""
    public_cidrs: tuple[Annotated[str, StringConstraints(pattern=r"^[0-9.]+/[0-9]{1,2}$")], ...] = ()
    """For `eks`: networks that may reach the API server from outside the VPC; empty for none."""
    node_type: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]+\.[a-z0-9-]+$")] = "m6i.large"
    """For `eks`: the type of the nodes."""
    nodes: Annotated[int, Field(ge=1, le=100)] = 2
    """For `eks`: how many nodes."""
    kms_key: Annotated[str, StringConstraints(pattern=r"^(arn:aws[a-z-]*:kms:\S+)?$")] = ""
    """For `eks`: the key that Secrets are encrypted with, by ARN; empty makes one."""


class Cluster(Section):
    """The cluster that everything is put into."""

    kind: ClusterKind = ClusterKind.LOCAL
    """Where the cluster comes from: `local` starts a node on this machine, `existing` takes one by its kubeconfig, `stack` the one of another stack, `eks` makes one in Amazon's cloud."""
    kubeconfig: str = ""
    """For `existing`: the path of a kubeconfig file, or its content (then set it with --secret)."""
    context: str = ""
    """For `existing`: the context of that kubeconfig; it is named explicitly and never the current one."""
    stack: StackName = ""
    """For `stack`: the stack that owns the cluster, as `organization/project/stack` (`organization` itself on a backend without any)."""
    eks: Eks = Eks()
