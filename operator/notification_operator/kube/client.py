"""Connections to the API server: credentials by the usual rules, one client to read and write, one to watch.

The first is the API reader of SP-CACHE-001; the second is kopf's, which retries some failures by itself and ends at others.
With the middlewares of its session it meets one exception that it does not know and leaves to its caller.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.config import ConfigException, load_incluster_config, load_kube_config
from kubernetes.aio.config.kube_config import list_kube_config_contexts

from atomic_status.headers import auth_headers
from notification_operator.kube.account_files import AccountFiles
from notification_operator.kube.errors import KubeError, translated
from notification_operator.kube.proxy import session_options
from notification_operator.kube.requests import JSON, call, raise_for_refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from notification_operator.kube.connectivity import Connectivity


class Authentication:
    """Authenticates each request with the credentials of this moment, because tokens expire."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client

    async def __call__(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Send a request."""
        with translated():
            headers = await auth_headers(self._client)
        request.headers.update(headers)
        return await handler(request)


class Accept:
    """Asks for a media type, which is looked up at each request."""

    def __init__(self, media_type: Callable[[], str]) -> None:
        self._media_type = media_type

    async def __call__(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Send a request."""
        request.headers["Accept"] = self._media_type()
        return await handler(request)


async def translate_failures(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Send a request and return the response if it is a success.

    Raises:
        KubeError: the API server refused the request, or there was no response.
    """
    with translated():
        response = await handler(request)
        if response.status >= HTTPStatus.BAD_REQUEST:
            async with response:
                raise_for_refusal(response, await response.read())
    return response


SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
SERVICE_ACCOUNT_NAMESPACE = SERVICE_ACCOUNT / "namespace"
START_SECONDS = 8.0
"""Time limit of the API server's first response."""

PROBE_SECONDS = 5.0
"""Seconds of silence after which the API server is probed, and the time limit of a probe."""


class UnreachableError(KubeError):
    """The API server does not respond, or its address is unknown."""

    def __init__(self, reason: str) -> None:
        super().__init__(status=None, reason=reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """The address of the API server, and the credentials for it."""

    configuration: Configuration
    namespace: str
    """The namespace of this pod, or of the kubeconfig's current context."""
    source: str
    """The origin of the credentials, for messages."""
    files: AccountFiles | None = None
    """The files that the credentials come from in a pod."""

    def client(self) -> ApiClient:
        """Return a client whose TLS context follows the files."""
        client = ApiClient(self.configuration)
        if self.files is not None:
            self.files.follow(client.rest_client.ssl_context)
        return client

    def unbounded_client(self) -> ApiClient:
        """Return a client with any number of connections, for watches that take one each; it traces nothing."""
        configuration = copy.copy(self.configuration)
        configuration.connection_pool_maxsize = 0
        configuration.trace_configs = []
        return replace(self, configuration=configuration).client()


async def connect(connectivity: Connectivity, *, pool: int) -> Cluster:
    """Find the API server as kubectl does: by the pod's service account, else by the kubeconfig.

    Raises:
        UnreachableError: there is neither.
    """
    configuration = Configuration()
    configuration.trace_configs = [connectivity.trace("working")]
    configuration.connection_pool_maxsize = pool
    # None, never False: the client reads False as a number of retries, and then repeats every 5xx
    # without end and without the caller's knowledge.
    configuration.retries = None
    try:
        load_incluster_config(client_configuration=configuration, try_refresh_token=False)
    except ConfigException:
        cluster = await _from_kubeconfig(configuration)
    else:
        namespace = SERVICE_ACCOUNT_NAMESPACE.read_text().strip()
        files = AccountFiles(token=SERVICE_ACCOUNT / "token", authorities=SERVICE_ACCOUNT / "ca.crt")
        configuration.refresh_api_key_hook = files.refresh
        cluster = Cluster(
            configuration=configuration,
            namespace=namespace,
            source="the pod's service account",
            files=files,
        )
    configuration.client_session_kwargs = {"trust_env": False, **session_options(configuration.host)}
    return cluster


async def _from_kubeconfig(configuration: Configuration) -> Cluster:
    try:
        await load_kube_config(client_configuration=configuration)
        _, current = list_kube_config_contexts()
    except ConfigException as error:
        raise UnreachableError(
            f"no cluster configured: not running in a pod, and no usable kubeconfig ({error}); set KUBECONFIG"
        ) from None
    namespace = current["context"].get("namespace", "default")
    return Cluster(configuration=configuration, namespace=namespace, source=f"context {current['name']!r}")


async def check_reachable(client: ApiClient, cluster: Cluster) -> None:
    """Make sure that the API server responds.

    Raises:
        UnreachableError: it does not, within `START_SECONDS`; names server and context.
    """
    server = f"the API server at {cluster.configuration.host} ({cluster.source})"
    try:
        async with asyncio.timeout(START_SECONDS):
            await call(client, "GET", "/version")
    except TimeoutError:
        raise UnreachableError(f"{server} did not respond within {START_SECONDS:g} s") from None
    except KubeError as error:
        failure = "refused the request" if error.status else "cannot be reached"
        raise UnreachableError(f"{server} {failure}: {error}") from None


async def keep_probing(client: ApiClient, connectivity: Connectivity) -> None:
    """Probe the API server whenever it has been silent for a while, until cancelled.

    For an operator without a Lease, whose renewals would be the probe.
    """
    while True:
        await asyncio.sleep(PROBE_SECONDS)
        if connectivity.silence > PROBE_SECONDS:
            with contextlib.suppress(KubeError, TimeoutError):
                async with asyncio.timeout(PROBE_SECONDS):
                    await call(client, "GET", "/version")


async def watching_session(
    cluster: Cluster, connectivity: Connectivity, *, media_type: Callable[[], str] = lambda: JSON
) -> aiohttp.ClientSession:
    """Return a session for the watching client. Every failure of a request is a `KubeError`.

    Args:
        cluster: the API server.
        connectivity: learns about every request.
        media_type: what the events of a watch are requested as.
    """
    client = cluster.client()
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, ssl=client.rest_client.ssl_context),
        middlewares=(translate_failures, Authentication(client), Accept(media_type)),
        trace_configs=[connectivity.trace("watching")],
        **session_options(cluster.configuration.host),
    )
