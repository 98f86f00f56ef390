"""The kinds of objects that an API server serves, and the paths of their objects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from platform_infra.cluster.api_client import root_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from platform_infra.cluster.api_client import ApiClient

DISCOVERY = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
"""All kinds of a cluster in two requests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    version: str
    """The group with its version, such as `apps/v1`."""
    name: str
    plural: str
    namespaced: bool
    deletable: bool = True

    @property
    def group(self) -> str:
        return self.version.rpartition("/")[0]

    def path(self, namespace: str = "", name: str = "") -> str:
        """Return the path of an object, or without a name that of a list."""
        return path_of(self.version, self.plural, namespace if self.namespaced else "", name)


Kinds: TypeAlias = "Mapping[tuple[str, str], Kind]"
"""Kinds by group with version, and name: `("apps/v1", "Deployment")`."""


def path_of(version: str, plural: str, namespace: str = "", name: str = "") -> str:
    place = f"/namespaces/{namespace}" if namespace else ""
    return f"{root_of(version)}{place}/{plural}{f'/{name}' if name else ''}"


def kinds_at(api: ApiClient, versions: Collection[str]) -> Iterator[Kind]:
    """Yield the kinds of groups with their versions, as far as they are served."""
    for version in versions:
        for each in api.get(root_of(version)).document.get("resources") or ():
            if "/" not in each["name"]:
                yield Kind(
                    version=version, name=each["kind"], plural=each["name"], namespaced=each["namespaced"]
                )


def kinds_of(discovery: Mapping[str, Any]) -> Iterator[Kind]:
    """Yield the kinds of an APIGroupDiscoveryList from `/api` or `/apis`, each in its preferred version."""
    for item in discovery.get("items") or []:
        group = item["metadata"].get("name", "")
        for version in item["versions"][:1]:
            for resource in version.get("resources") or []:
                yield Kind(
                    version=f"{group}/{version['version']}".lstrip("/"),
                    name=(resource.get("responseKind") or {}).get("kind", ""),
                    plural=resource["resource"],
                    namespaced=resource["scope"] == "Namespaced",
                    deletable={"list", "delete"} <= set(resource["verbs"]),
                )
