"""The notifications of an incident, listed as old as a version that was read before, or consistently."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.config import load_kube_config

from notification_runtime.kube.objects import RESOURCE, KubeObjects
from notification_runtime.kube.requests import KubeError
from tests.harness.notifications import notification

if TYPE_CHECKING:
    from tests.api_server.conftest import ApiServer

pytestmark = pytest.mark.xdist_group("api-server")


async def listed(api_server: ApiServer, namespace: str, version: str) -> set[str]:
    configuration = Configuration()
    await load_kube_config(str(api_server.cluster.kubeconfig), client_configuration=configuration)
    async with ApiClient(configuration) as client:
        found = KubeObjects(client, RESOURCE).of_incident(namespace, "disk", version)
        return {each["metadata"]["name"] async for page in found for each in page}


def test_listing_has_what_is_as_old_as_its_version(api_server: ApiServer) -> None:
    namespace = api_server.namespace()
    for name, key in (("begin", "disk"), ("other", "network"), ("end", "disk")):
        api_server.create(notification(namespace, name=name, dedupKey=key, event="Trigger"))
    end = api_server.cluster.get(namespace, "end")
    assert end is not None
    version = end["metadata"]["resourceVersion"]
    for oldest in (version, ""):
        assert asyncio.run(listed(api_server, namespace, oldest)) == {"begin", "end"}
    # The memory of an API server never comes so far: it says so after three seconds.
    with pytest.raises(KubeError, match="Too large resource version"):
        asyncio.run(listed(api_server, namespace, str(10**12)))
