"""An object that a program registers, and the resource of the API server that it belongs to. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedObject:
    """An object in the form of the Kubernetes API; `only_read` if it belongs to others."""

    document: Mapping[str, Any]
    only_read: bool = False

    @property
    def api_version(self) -> str:
        """Group and version, such as `apps/v1`."""
        return str(self.document["apiVersion"])

    @property
    def group(self) -> str:
        """The API group; empty for the core group."""
        return self.api_version.rpartition("/")[0]

    @property
    def kind(self) -> str:
        return str(self.document["kind"])

    @property
    def name(self) -> str:
        return str(self.document["metadata"]["name"])

    @property
    def namespace(self) -> str:
        """The object's namespace; empty for an object of the cluster."""
        return str(self.document["metadata"].get("namespace") or "")

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiResource:
    """A resource that the API server serves, such as `deployments`."""

    plural: str
    namespaced: bool


Served = Mapping[tuple[str, str], ApiResource]
"""Resources by group with version, and kind: `("apps/v1", "Deployment")`."""
