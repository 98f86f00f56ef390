"""The asyncio client."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from notification_client._message import Status, looks, notification, status_of
from notification_contract.names import GROUP, PLURAL, VERSION

if TYPE_CHECKING:
    from typing import Unpack

    from notification_client._message import Options


@dataclass(frozen=True, slots=True, kw_only=True)
class AsyncHandle:
    """A notification in the cluster; `created` is False if its deduplication key had created it before."""

    namespace: str
    name: str
    created: bool
    objects: Any

    async def status(self) -> Status:
        """Return what the operator has recorded now; raises `ApiException`."""
        place = (GROUP, VERSION, self.namespace, PLURAL, self.name)
        return status_of(await self.objects.get_namespaced_custom_object(*place))

    async def wait(self, seconds: float = 60.0) -> Status:
        """Return the status once the delivery is over, also if it failed.

        Raises:
            TimeoutError: it is not over after so many seconds.
            ApiException: the object cannot be read, or was deleted.
        """
        for pause in looks(seconds):
            await asyncio.sleep(pause)
            status = await self.status()
            if status.final:
                return status
        raise TimeoutError(f"{self.namespace}/{self.name} is {status.phase} after {seconds:g} s")


class AsyncNotifier:
    """Creates notifications in a namespace; `api` is an `ApiClient` of `kubernetes.aio.client`."""

    def __init__(self, namespace: str, *, api: Any = None) -> None:  # noqa: ANN401 - it has no types
        self.namespace, self._api = namespace, api

    async def send(
        self, subject: str, body: str, *, wait: bool = False, **options: Unpack[Options]
    ) -> AsyncHandle:
        """Create a notification; with `wait`, return when its delivery is over.

        Raises:
            ApiException: the API server refuses it; the body says why.
            TimeoutError: `wait` was set, and the delivery takes longer than a minute.
        """
        from kubernetes.aio import client  # noqa: PLC0415 - takes half a second

        if self._api is None:
            self._api = await _connect()
        objects, obj, created = client.CustomObjectsApi(self._api), notification(subject, body, options), True
        try:
            await objects.create_namespaced_custom_object(GROUP, VERSION, self.namespace, PLURAL, obj)
        except client.ApiException as error:
            if error.status != HTTPStatus.CONFLICT or "once" not in options:
                raise
            created = False
        name = obj["metadata"]["name"]
        handle = AsyncHandle(namespace=self.namespace, name=name, created=created, objects=objects)
        if wait:
            await handle.wait()
        return handle

    async def close(self) -> None:
        """Close the connections to the API server."""
        if self._api is not None:
            await self._api.close()


async def _connect() -> Any:  # noqa: ANN401 - the client has no types
    """Return a client with the pod's service account, else with the kubeconfig."""
    from kubernetes.aio import client, config  # noqa: PLC0415 - takes half a second

    configuration = client.Configuration()
    try:
        config.load_incluster_config(client_configuration=configuration)
    except config.ConfigException:
        await config.load_kube_config(client_configuration=configuration)
    return client.ApiClient(configuration)
