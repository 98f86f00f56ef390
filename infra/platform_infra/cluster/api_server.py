"""What a program asks an API server before it registers resources: the cluster's uid, and owners of objects."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import yaml

from platform_infra.cluster.api_client import api_client
from platform_infra.cluster.connection import ClusterError
from platform_infra.names import CRD_OWNER

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")

TIMEOUT_SECONDS = 8
IDENTITY_NAMESPACE = "kube-system"
"""Its uid identifies a cluster, whatever its address is."""
UNKNOWN: Mapping[int, str] = {HTTPStatus.FORBIDDEN: "", HTTPStatus.NOT_FOUND: ""}
"""The account may not read the object, or there is none."""
_RAW: Mapping[str, Any] = {"_request_timeout": TIMEOUT_SECONDS, "_preload_content": False}
"""Options of a call that returns the response as it is."""


class Reader(Protocol):
    """Reads an object of a cluster by its name."""

    def uid(self, namespace: str = IDENTITY_NAMESPACE) -> str:
        """Return the uid of a namespace; empty if it does not exist or the account may not read it."""

    def has_namespace(self, name: str) -> bool | None:
        """Return whether a namespace exists; None if the account may not read it."""

    def owner_of_namespace(self, name: str) -> str:
        """Return the owner's annotation of a namespace; empty if it has none or cannot be read."""

    def owner_of_definition(self, name: str) -> str:
        """Return the owner's annotation of a CRD; empty if it has none or cannot be read."""

    def definition(self, name: str) -> Mapping[str, Any] | None:
        """Return a CRD as the API server has it; None if there is none, or if the account may not read it."""

    def owner_of_account(self, namespace: str, name: str) -> str:
        """Return the owner's annotation of a ServiceAccount; empty if it has none or cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiServer:
    """The API server of a kubeconfig's context.

    Every method raises ClusterError if the server does not answer, or does not accept the credentials.
    """

    kubeconfig: str
    context: str

    def uid(self, namespace: str = IDENTITY_NAMESPACE) -> str:
        return self._read(_namespace, namespace, lambda obj: str(obj["metadata"]["uid"]), UNKNOWN)

    def has_namespace(self, name: str) -> bool | None:
        answers: Mapping[int, bool | None] = {HTTPStatus.NOT_FOUND: False, HTTPStatus.FORBIDDEN: None}
        return self._read(_namespace, name, lambda _obj: True, answers)

    def owner_of_namespace(self, name: str) -> str:
        return self._read(_namespace, name, _owner, UNKNOWN)

    def owner_of_definition(self, name: str) -> str:
        return _owner(self.definition(name) or {})

    def definition(self, name: str) -> Mapping[str, Any] | None:
        return self._read(_definition, name, _whole, dict.fromkeys(UNKNOWN))

    def owner_of_account(self, namespace: str, name: str) -> str:
        return self._read(partial(_account, namespace), name, _owner, UNKNOWN)

    def _read(
        self,
        read: Callable[[Any, str], Any],
        name: str,
        part: Callable[[Mapping[str, Any]], T],
        unknown: Mapping[int, T],
    ) -> T:
        # Imported here: the import takes a second, and only a lasting cluster needs it.
        from kubernetes import client  # noqa: PLC0415

        try:
            with api_client(yaml.safe_load(self.kubeconfig), self.context) as api:
                # As the server writes it: the typed classes have other names for some keywords of a schema.
                return part(json.loads(read(api, name).data))
        except client.ApiException as error:
            if error.status in unknown:
                return unknown[error.status]
            raise ClusterError(self._unavailable(str(error))) from None
        except Exception as error:  # noqa: BLE001 - every transport error means the same here
            raise ClusterError(self._unavailable(str(error))) from None

    def _unavailable(self, reason: str) -> str:
        return (
            f"the cluster (context {self.context!r}) cannot be identified: {' '.join(reason.split())}; check it with "
            f"`kubectl --context {self.context} get namespace {IDENTITY_NAMESPACE}`"
        )


def _namespace(api: Any, name: str) -> Any:  # noqa: ANN401 - the client declares no types
    from kubernetes import client  # noqa: PLC0415

    return client.CoreV1Api(api).read_namespace(name, **_RAW)


def _definition(api: Any, name: str) -> Any:  # noqa: ANN401 - the client declares no types
    from kubernetes import client  # noqa: PLC0415

    return client.ApiextensionsV1Api(api).read_custom_resource_definition(name, **_RAW)


def _account(namespace: str, api: Any, name: str) -> Any:  # noqa: ANN401 - the client declares no types
    from kubernetes import client  # noqa: PLC0415

    return client.CoreV1Api(api).read_namespaced_service_account(name, namespace, **_RAW)


def _whole(obj: Mapping[str, Any]) -> Mapping[str, Any] | None:
    return obj


def _owner(obj: Mapping[str, Any]) -> str:
    annotations = (obj.get("metadata") or {}).get("annotations") or {}
    return str(annotations.get(CRD_OWNER) or "")
