"""What a program asks an API server before it registers resources: the cluster's uid, and the owners of objects."""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol

import yaml

from platform_infra.cluster.api_client import api_client
from platform_infra.cluster.connection import ClusterError
from platform_infra.names import CRD_OWNER

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

TIMEOUT_SECONDS = 8
IDENTITY_NAMESPACE = "kube-system"
"""Its uid identifies a cluster, whatever its address is."""
UNKNOWN = frozenset({HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND})
"""The account may not read the object, or there is none."""


class Reader(Protocol):
    """Reads an object of a cluster by its name."""

    def uid(self) -> str:
        """Return the uid of the cluster; empty if the account may not read it."""

    def owner_of_namespace(self, name: str) -> str:
        """Return the owner's annotation of a namespace; empty if it has none or cannot be read."""

    def owner_of_definition(self, name: str) -> str:
        """Return the owner's annotation of a CRD; empty if it has none or cannot be read."""

    def definition(self, name: str) -> Mapping[str, Any] | None:
        """Return a CRD as the API server has it; None if there is none, or if the account may not read it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiServer:
    """The API server of a kubeconfig's context.

    Every method raises ClusterError if the server does not answer, or does not accept the credentials.
    """

    kubeconfig: str
    context: str

    def uid(self) -> str:
        return str((self._read(_namespace, IDENTITY_NAMESPACE) or {}).get("uid") or "")

    def owner_of_namespace(self, name: str) -> str:
        return _owner(self._read(_namespace, name))

    def owner_of_definition(self, name: str) -> str:
        return _owner((self.definition(name) or {}).get("metadata"))

    def definition(self, name: str) -> Mapping[str, Any] | None:
        return self._read(_definition, name)

    def _read(self, read: Callable[[Any, str], Mapping[str, Any]], name: str) -> Mapping[str, Any] | None:
        # Imported here: the import takes a second, and only a lasting cluster needs it.
        from kubernetes import client  # noqa: PLC0415

        try:
            with api_client(yaml.safe_load(self.kubeconfig), self.context) as api:
                return read(api, name)
        except client.ApiException as error:
            if error.status in UNKNOWN:
                return None
            raise ClusterError(self._unavailable(str(error))) from None
        except Exception as error:  # noqa: BLE001 - every transport error means the same here
            raise ClusterError(self._unavailable(str(error))) from None

    def _unavailable(self, reason: str) -> str:
        return (
            f"the cluster (context {self.context!r}) cannot be identified: {' '.join(reason.split())}; check it with "
            f"`kubectl --context {self.context} get namespace {IDENTITY_NAMESPACE}`"
        )


def _namespace(api: Any, name: str) -> Mapping[str, Any]:  # noqa: ANN401 - the client declares no types
    """Return the metadata of a namespace."""
    from kubernetes import client  # noqa: PLC0415

    response = client.CoreV1Api(api).read_namespace(
        name, _request_timeout=TIMEOUT_SECONDS, _preload_content=False
    )
    metadata: Mapping[str, Any] = json.loads(response.data)["metadata"]
    return metadata


def _definition(api: Any, name: str) -> Mapping[str, Any]:  # noqa: ANN401 - the client declares no types
    """Return a CRD as the server writes it: the typed class has other names for some keywords of a schema."""
    from kubernetes import client  # noqa: PLC0415

    response = client.ApiextensionsV1Api(api).read_custom_resource_definition(
        name, _request_timeout=TIMEOUT_SECONDS, _preload_content=False
    )
    document: Mapping[str, Any] = json.loads(response.data)
    return document


def _owner(metadata: Mapping[str, Any] | None) -> str:
    annotations = (metadata or {}).get("annotations") or {}
    return str(annotations.get(CRD_OWNER) or "")
