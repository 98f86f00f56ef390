"""The asyncio client."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from notification_client._gateway import PAUSE, TRIES, Answer, Requests, status_in
from notification_client._message import Status, looks, notification, status_of, time_limit
from notification_contract.names import GROUP, PLURAL, VERSION

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Unpack

    import aiohttp

    from notification_client._gateway import Request, Token
    from notification_client._message import Options


@dataclass(frozen=True, slots=True, kw_only=True)
class AsyncHandle:
    """A notification in the cluster; `created` is False if its deduplication key had created it before.

    Through the gateway, it is also False if this call created it and the answer was lost: do not rely on it for what must happen once.
    """

    namespace: str
    name: str
    created: bool
    server: AsyncCluster | AsyncGateway

    async def status(self) -> Status:
        """Return what the operator has recorded now; raises `ApiException`, or `TimeoutError` if the API server does not answer."""
        return await self.server.status(self.namespace, self.name)

    async def wait(self, seconds: float = 60.0) -> Status:
        """Return the status once the delivery is over, also if it failed.

        Raises:
            TimeoutError: it is not over after so many seconds.
            ApiException: the object cannot be read, or was deleted.
            ConnectionError: the gateway cannot be reached.
        """
        end, state = time.monotonic() + seconds, "cannot be read"
        for pause in looks(seconds):
            await asyncio.sleep(pause)
            try:
                status = await self.server.status(self.namespace, self.name, wait=end - time.monotonic())
            except TimeoutError:
                continue
            if status.final:
                return status
            state = f"is {status.phase}"
        raise TimeoutError(f"{self.namespace}/{self.name} {state} after {seconds:g} s")


class AsyncNotifier:
    """Creates notifications in a namespace, as `Notifier` does; `api` is an `ApiClient` of `kubernetes.aio.client`."""

    def __init__(
        self,
        namespace: str,
        *,
        api: Any = None,  # noqa: ANN401 - it has no types
        url: str = "",
        token: Token = "",
    ) -> None:
        self.namespace = namespace
        self._server: AsyncCluster | AsyncGateway = (
            AsyncGateway(Requests(url, token)) if url else AsyncCluster(api)
        )

    async def send(
        self, subject: str, body: str, *, wait: bool = False, **options: Unpack[Options]
    ) -> AsyncHandle:
        """Create a notification; with `wait`, return when its delivery is over.

        Raises:
            ApiException: the API server or the gateway refuses it; the body says why. Through the gateway, that includes a key
                that was used with another content.
            TimeoutError: the API server does not answer within 30 s, or `wait` was set, and the delivery takes longer than a minute.
            ConnectionError: the gateway cannot be reached.
            ValueError: the gateway does not accept an option.
        """
        obj = notification(subject, body, options)
        name, created = await self._server.create(self.namespace, obj, options.get("once"))
        handle = AsyncHandle(namespace=self.namespace, name=name, created=created, server=self._server)
        if wait:
            await handle.wait()
        return handle

    async def close(self) -> None:
        """Close the connections."""
        await self._server.close()


class AsyncCluster:
    """The API server."""

    def __init__(self, api: Any) -> None:  # noqa: ANN401 - it has no types
        self._api = api

    async def create(self, namespace: str, obj: Mapping[str, Any], once: str | None) -> tuple[str, bool]:
        """Create an object; return its name, and False if it was there."""
        from kubernetes.aio import client  # noqa: PLC0415 - takes half a second

        objects = await self._objects()
        try:
            await objects.create_namespaced_custom_object(
                *(GROUP, VERSION, namespace, PLURAL, obj), _request_timeout=time_limit(None)
            )
        except client.ApiException as error:
            if error.status != HTTPStatus.CONFLICT or once is None:
                raise
            return obj["metadata"]["name"], False
        return obj["metadata"]["name"], True

    async def status(self, namespace: str, name: str, *, wait: float | None = None) -> Status:
        """Return the present status."""
        objects = await self._objects()
        place = (GROUP, VERSION, namespace, PLURAL, name)
        read = objects.get_namespaced_custom_object
        return status_of(await read(*place, _request_timeout=time_limit(wait)))

    async def close(self) -> None:
        """Close the connections to the API server."""
        if self._api is not None:
            await self._api.close()

    async def _objects(self) -> Any:  # noqa: ANN401 - the client has no types
        from kubernetes.aio import client  # noqa: PLC0415 - takes half a second

        if self._api is None:
            self._api = await _connect()
        return client.CustomObjectsApi(self._api)


class AsyncGateway:
    """The gateway, from outside of the cluster."""

    def __init__(self, requests: Requests) -> None:
        self._requests = requests
        self._session: aiohttp.ClientSession | None = None

    async def create(self, namespace: str, obj: Mapping[str, Any], once: str | None) -> tuple[str, bool]:
        """Create a notification; return its name, and False if it was there."""
        answer = await self._answered(self._requests.creation(namespace, obj, once))
        # A repeat of this very request finds what it has created.
        return answer.content["name"], once is None or answer.status == HTTPStatus.CREATED

    async def status(self, namespace: str, name: str, *, wait: float | None = None) -> Status:
        """Return the status when it is final, or as it is after some seconds."""
        return status_in(await self._answered(self._requests.reading(namespace, name, wait)))

    async def close(self) -> None:
        """Close the connections to the gateway."""
        if self._session is not None:
            await self._session.close()

    async def _answered(self, request: Request) -> Answer:
        """Return the answer of success; a request whose answer is lost, or that may succeed later, is sent again.

        Raises:
            TimeoutError: the caller no longer waits.
        """
        from aiohttp import ClientError  # noqa: PLC0415 - takes a tenth of a second

        for left in reversed(range(TRIES)):
            try:
                answer = await self._exchanged(request)
            except (ClientError, OSError) as error:
                request.check_time(PAUSE if left else 0.0)
                if not left:
                    raise ConnectionError(
                        f"the gateway {self._requests.url} cannot be reached: {error}"
                    ) from error
                await asyncio.sleep(PAUSE)
                continue
            if answer.pause is None or not left:
                break
            request.check_time(answer.pause)
            await asyncio.sleep(answer.pause)
        if answer.status not in {HTTPStatus.OK, HTTPStatus.CREATED}:
            from kubernetes.aio.client import ApiException  # noqa: PLC0415 - takes half a second

            refused = ApiException(status=answer.status, reason=answer.reason)
            refused.body, refused.headers = answer.body.decode(errors="replace"), dict(answer.headers)
            raise refused
        return answer

    async def _exchanged(self, request: Request) -> Answer:
        import aiohttp  # noqa: PLC0415 - takes a tenth of a second

        if self._session is None:
            self._session = aiohttp.ClientSession(proxy=_proxy(request.url))
        async with self._session.request(
            request.method,
            request.url,
            data=request.body,
            headers=request.headers,
            timeout=aiohttp.ClientTimeout(total=request.time_limit),
            # The token is for this server only.
            allow_redirects=False,
        ) as response:
            headers = {name.lower(): value for name, value in response.headers.items()}
            return Answer(status=response.status, headers=headers, body=await response.read())


def _proxy(url: str) -> str | None:
    """Return the proxy that the environment names for a server, as urllib chooses it.

    `trust_env` of aiohttp would also send the passwords of ~/.netrc, or fail because there is a token already.
    """
    parts = urlsplit(url)
    proxy = getproxies().get(parts.scheme)
    if not proxy or proxy_bypass(parts.netloc.rpartition("@")[2]):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


async def _connect() -> Any:  # noqa: ANN401 - the client has no types
    """Return a client with the pod's service account, else with the kubeconfig."""
    from kubernetes.aio import client, config  # noqa: PLC0415 - takes half a second

    configuration = client.Configuration()
    try:
        config.load_incluster_config(client_configuration=configuration)
    except config.ConfigException:
        await config.load_kube_config(client_configuration=configuration)
    return client.ApiClient(configuration)
