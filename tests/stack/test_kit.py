"""The kit's store passes its conformance suite on a real API server."""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.config import load_kube_config

from atomic_status import KubeStatusStore, ObjectRef, Resource
from atomic_status.testing import CONFORMANCE
from tests.harness.eventually import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from atomic_status import JsonObject, StatusStore
    from tests.harness.cluster import Cluster

GROUP, VERSION, KIND = "conformance.kubernaut.ai", "v1", "Example"
ANYTHING = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


def definition(plural: str) -> JsonObject:
    """Return a kind that accepts any spec and any status."""
    schema = {"type": "object", "properties": {"spec": ANYTHING, "status": ANYTHING}}
    version = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "schema": {"openAPIV3Schema": schema},
    }
    names = {"kind": KIND, "plural": plural}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}"},
        "spec": {"group": GROUP, "scope": "Namespaced", "names": names, "versions": [version]},
    }


class ClusterHarness:
    """Direct access to the objects of one namespace; see the harness in `atomic_status.testing`."""

    def __init__(self, cluster: Cluster, path: str, store: StatusStore) -> None:
        self._cluster = cluster
        self._path = path
        self.store = store

    async def create(self, name: str, *, spec: JsonObject, status: JsonObject) -> ObjectRef:
        head = {"apiVersion": f"{GROUP}/{VERSION}", "kind": KIND}
        created = self._cluster.request(
            "POST", self._path, {**head, "metadata": {"name": name}, "spec": spec}
        )
        meta = created["metadata"]
        ref = ObjectRef(namespace=meta["namespace"], name=name, uid=meta["uid"])
        await self.write_status(ref, status)
        return ref

    async def write_status(self, ref: ObjectRef, status: JsonObject) -> None:
        self._put(ref, "/status", status=status)

    async def write_spec(self, ref: ObjectRef, spec: JsonObject) -> None:
        self._put(ref, "", spec=spec)

    async def delete(self, ref: ObjectRef) -> None:
        self._cluster.request("DELETE", f"{self._path}/{ref.name}")

    def clear(self) -> None:
        self._cluster.request("DELETE", self._path)

    def _put(self, ref: ObjectRef, part: str, **fields: Any) -> None:
        result = self._cluster.request("GET", f"{self._path}/{ref.name}")
        self._cluster.request("PUT", f"{self._path}/{ref.name}{part}", {**result, **fields})


@pytest.fixture
def plural(cluster: Cluster) -> Iterator[str]:
    """A kind of this test."""
    name = f"examples{uuid.uuid4().hex[:8]}"
    definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    cluster.request("POST", definitions, definition(name))
    yield name
    cluster.request("DELETE", f"{definitions}/{name}.{GROUP}")


def test_kube_store_passes_the_conformance_suite_on_a_real_api_server(cluster: Cluster, plural: str) -> None:
    path = f"/apis/{GROUP}/{VERSION}/namespaces/default/{plural}"
    eventually(lambda: cluster.send("GET", path).status, lambda status: status == 200, within=30)

    async def keep() -> None:
        configuration = Configuration()
        await load_kube_config(str(cluster.kubeconfig), client_configuration=configuration)
        async with ApiClient(configuration) as client:
            harness = ClusterHarness(
                cluster, path, KubeStatusStore(client, Resource(group=GROUP, version=VERSION, plural=plural))
            )
            for check in CONFORMANCE:
                await check(harness)
                harness.clear()

    asyncio.run(keep())
