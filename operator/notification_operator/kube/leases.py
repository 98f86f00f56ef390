"""The Leases of one namespace, over the Kubernetes API, as JSON objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from notification_operator.kube.requests import call

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kubernetes.aio.client import ApiClient


class KubeLeases:
    """Lists and writes Leases; an update or a deletion names the resourceVersion that it was decided on."""

    def __init__(self, client: ApiClient, namespace: str) -> None:
        self._client = client
        self._path = f"/apis/coordination.k8s.io/v1/namespaces/{quote(namespace, safe='')}/leases"

    async def list(self) -> Sequence[dict[str, Any]]:
        """Return all Leases, read past every cache."""
        items: Sequence[dict[str, Any]] = (await call(self._client, "GET", self._path))["items"]
        return items

    async def create(self, lease: Mapping[str, Any]) -> dict[str, Any]:
        """Store a new Lease and return it as stored."""
        return await call(self._client, "POST", self._path, body=lease)

    async def replace(self, lease: Mapping[str, Any]) -> dict[str, Any]:
        """Update a Lease and return it as stored."""
        return await call(self._client, "PUT", self._lease_path(lease), body=lease)

    async def delete(self, lease: Mapping[str, Any]) -> None:
        """Delete a Lease."""
        preconditions = {"resourceVersion": lease["metadata"]["resourceVersion"]}
        body = {"preconditions": preconditions}
        await call(self._client, "DELETE", self._lease_path(lease), body=body)

    def _lease_path(self, lease: Mapping[str, Any]) -> str:
        return f"{self._path}/{quote(lease['metadata']['name'], safe='')}"
