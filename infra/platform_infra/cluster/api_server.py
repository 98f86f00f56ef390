"""What a program asks an API server before it registers resources: the cluster's uid, and owners of objects."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import yaml

from platform_infra.cluster.api_client import api_client, root_of
from platform_infra.cluster.connection import ClusterError
from platform_infra.names import CRD_OWNER

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from platform_infra.cluster.api_client import Answer
    from platform_infra.cluster.planned import Planned

IDENTITY_NAMESPACE = "kube-system"
"""Its uid identifies a cluster, whatever its address is."""
NAMESPACES = "/api/v1/namespaces"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
CONCURRENCY = 8
UNKNOWN = (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND)
"""The account may not read the object, or there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiServer:
    """The API server of a kubeconfig's context.

    Every method raises ClusterError if the server does not answer, or does not accept the credentials.
    """

    kubeconfig: str
    context: str

    def uid(self, namespace: str = IDENTITY_NAMESPACE) -> str:
        """Return the uid of a namespace; empty if it does not exist or the account may not read it."""
        return str(_metadata(self._read(f"{NAMESPACES}/{namespace}")).get("uid") or "")

    def has_namespace(self, name: str) -> bool | None:
        """Return whether a namespace exists; None if the account may not read it."""
        status = self._ask(f"{NAMESPACES}/{name}").status
        return None if status == HTTPStatus.FORBIDDEN else status != HTTPStatus.NOT_FOUND

    def owner_of_namespace(self, name: str) -> str:
        """Return the owner's annotation of a namespace; empty if it has none or cannot be read."""
        return _owner(self._read(f"{NAMESPACES}/{name}"))

    def owner_of_definition(self, name: str) -> str:
        """Return the owner's annotation of a CRD; empty if it has none or cannot be read."""
        return _owner(self.definition(name))

    def definition(self, name: str) -> Mapping[str, Any] | None:
        """Return a CRD as the API server has it; None if there is none, or if the account may not read it."""
        return self._read(f"{DEFINITIONS}/{name}")

    def owner_of_account(self, namespace: str, name: str) -> str:
        """Return the owner's annotation of a ServiceAccount; empty if it has none or cannot be read."""
        return _owner(self._read(f"{NAMESPACES}/{namespace}/serviceaccounts/{name}"))

    def existing(self, planned: Sequence[Planned]) -> dict[Planned, Mapping[str, Any]]:
        """Return the objects that exist, and that the account may read."""
        versions = sorted({each.version for each in planned})
        plurals = {key: plural for version in versions for key, plural in self._plurals(version)}
        served = [each for each in planned if (each.version, each.kind) in plurals]
        with ThreadPoolExecutor(CONCURRENCY) as pool:
            read = pool.map(lambda each: self._read(_path(each, plurals[each.version, each.kind])), served)
            return {each: document for each, document in zip(served, read, strict=True) if document}

    def _plurals(self, version: str) -> Iterator[tuple[tuple[str, str], str]]:
        """Yield the plural of each kind of a group, as far as it is served."""
        for each in (self._read(root_of(version)) or {}).get("resources") or ():
            if "/" not in each["name"]:
                yield (version, each["kind"]), each["name"]

    def _read(self, path: str) -> Mapping[str, Any] | None:
        answer = self._ask(path)
        return answer.document if answer.accepted else None

    def _ask(self, path: str) -> Answer:
        """Return the object at a path, or that it is unknown."""
        try:
            with api_client(yaml.safe_load(self.kubeconfig), self.context) as api:
                answer = api.get(path)
        except Exception as error:  # noqa: BLE001 - every transport error means the same here
            raise ClusterError(self._unavailable(str(error))) from None
        if answer.accepted or answer.status in UNKNOWN:
            return answer
        raise ClusterError(self._unavailable(f"{answer.status} {answer.message}"))

    def _unavailable(self, reason: str) -> str:
        return (
            f"the cluster (context {self.context!r}) cannot be identified: {' '.join(reason.split())}; check it with "
            f"`kubectl --context {self.context} get namespace {IDENTITY_NAMESPACE}`"
        )


def _path(each: Planned, plural: str) -> str:
    place = f"/namespaces/{each.namespace}" if each.namespace else ""
    return f"{root_of(each.version)}{place}/{plural}/{each.name}"


def _metadata(obj: Mapping[str, Any] | None) -> Mapping[str, Any]:
    return (obj or {}).get("metadata") or {}


def _owner(obj: Mapping[str, Any] | None) -> str:
    return str((_metadata(obj).get("annotations") or {}).get(CRD_OWNER) or "")
