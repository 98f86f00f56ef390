"""The kinds of clusters. Pure."""

from __future__ import annotations

from enum import StrEnum


class ClusterKind(StrEnum):
    """The source of the cluster."""

    LOCAL = "local"
    EXISTING = "existing"
    STACK = "stack"
    POD = "pod"
    KIND = "kind"

    @property
    def is_named(self) -> bool:
        """Whether the settings alone lead to the cluster, which exists independently of the stack."""
        return self in {ClusterKind.EXISTING, ClusterKind.POD}

    @property
    def is_local(self) -> bool:
        """Whether the cluster runs on this machine, and is created and deleted with the stack."""
        return self in {ClusterKind.LOCAL, ClusterKind.KIND}
