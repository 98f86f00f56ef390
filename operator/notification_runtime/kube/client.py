"""Connections to the API server: credentials by the usual rules, one client to read and write, one to watch.

The first is the API reader of SP-CACHE-001; the second is kopf's, which retries some failures by itself and ends at others.
With the middlewares of its session it meets one exception that it does not know and leaves to its caller.

Both clients report to one `Connectivity`. So readiness needs no request: it knows which watches are open and when
the API server last responded.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import ssl
import weakref
from dataclasses import dataclass, replace
from functools import partial
from http import HTTPStatus
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Final

import aiohttp
import structlog
from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.config import ConfigException, load_incluster_config, load_kube_config
from kubernetes.aio.config.kube_config import list_kube_config_contexts

from atomic_status.headers import auth_headers
from notification_runtime.kube.proxy import session_options
from notification_runtime.kube.requests import JSON, KubeError, call, raise_for_refusal, translated

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import SimpleNamespace

logger = structlog.get_logger(__name__)

REFRESH_SECONDS: Final = 60.0
"""Seconds between two reads of the files of the service account."""
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
    cluster: Cluster, connectivity: Connectivity, *, media_type: str = JSON
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
        middlewares=(translate_failures, prepare_requests(client, media_type)),
        trace_configs=[connectivity.trace("watching")],
        **session_options(cluster.configuration.host),
    )


def prepare_requests(client: ApiClient, media_type: str) -> aiohttp.ClientMiddlewareType:
    """Return a middleware that adds the token of the time of a request, since tokens expire, and the media type."""

    async def send(
        request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        with translated():
            headers = await auth_headers(client)
        request.headers.update({**headers, "Accept": media_type})
        return await handler(request)

    return send


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


class Connectivity:
    """Follows every request of the sessions that carry `trace()`."""

    def __init__(self, *, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._closed_at: dict[tuple[str, str], float | None] = {}
        """When each watch was last open, by client name and path; None while it is."""
        self._started_at = clock()
        self._responded_at: float | None = None

    @property
    def open_watches(self) -> int:
        """The number of watches that the API server has accepted and that have not broken since."""
        return sum(closed_at is None for closed_at in self._closed_at.values())

    def closed_seconds(self, client: str, path: str) -> float:
        """Return the seconds since a client's watch of a path was open; 0 while it is open."""
        closed_at = self._closed_at.get((client, path), self._started_at)
        return 0.0 if closed_at is None else self._clock() - closed_at

    @property
    def silence(self) -> float:
        """Seconds since the API server's last response; infinite before the first."""
        return float("inf") if self._responded_at is None else self._clock() - self._responded_at

    def trace(self, client: str) -> aiohttp.TraceConfig:
        """Return the trace configuration with which the session of this client reports here."""
        config = aiohttp.TraceConfig()
        config.on_request_start.append(partial(self._on_start, client))
        config.on_request_end.append(partial(self._on_end, client))
        config.on_request_exception.append(partial(self._on_exception, client))
        return config

    async def _on_start(
        self,
        client: str,
        _session: aiohttp.ClientSession,
        _context: SimpleNamespace,
        params: aiohttp.TraceRequestStartParams,
    ) -> None:
        # A client lists or watches a path again only after its last watch there has ended.
        if params.method == "GET":
            self.close_watch(client, params.url.path)

    async def _on_end(
        self,
        client: str,
        _session: aiohttp.ClientSession,
        _context: SimpleNamespace,
        params: aiohttp.TraceRequestEndParams,
    ) -> None:
        self._responded_at = self._clock()
        if "watch" in params.url.query:
            if params.response.status == HTTPStatus.OK:
                self._closed_at[client, params.url.path] = None
            else:
                self.close_watch(client, params.url.path)

    async def _on_exception(
        self,
        client: str,
        _session: aiohttp.ClientSession,
        _context: SimpleNamespace,
        params: aiohttp.TraceRequestExceptionParams,
    ) -> None:
        if isinstance(params.exception, KubeError) and params.exception.status is not None:
            self._responded_at = self._clock()
        self.close_watch(client, params.url.path)

    def close_watch(self, client: str, path: str) -> None:
        """Record that a client's watch of a path is not open."""
        if self._closed_at.get((client, path), self._started_at) is None:
            self._closed_at[client, path] = self._clock()


class AccountFiles:
    """The token and the authorities of the pod's service account, which the kubelet replaces.

    Both are read again every minute, by a monotonic clock. A new authority is added to the TLS contexts that exist. An
    authority whose certificate is removed from the file stays trusted until the process restarts, because a context
    cannot forget. `refresh` is the hook of the client's configuration.
    """

    def __init__(self, *, token: Path, authorities: Path, seconds: Callable[[], float] = monotonic) -> None:
        self._token = token
        self._authorities = authorities
        self._seconds = seconds
        self._due = seconds() + REFRESH_SECONDS
        self._contexts: weakref.WeakSet[ssl.SSLContext] = weakref.WeakSet()
        self._known = ""
        """The certificates that the contexts trust."""

    def follow(self, context: ssl.SSLContext) -> None:
        """Let a context trust every authority that the file names from now on."""
        self._contexts.add(context)

    def refresh(self, configuration: Configuration) -> None:
        """Read the files again if it is time; what cannot be read or used stays as it is."""
        if self._seconds() < self._due:
            return
        self._due = self._seconds() + REFRESH_SECONDS
        try:
            if token := self._token.read_text("ascii").strip():
                configuration.api_key["BearerToken"] = f"bearer {token}"
            self._trust(self._authorities.read_text("ascii"))
        except (OSError, ValueError, ssl.SSLError) as error:
            logger.warning("service account files not read; keeping the previous ones", error=str(error))

    def _trust(self, certificates: str) -> None:
        if certificates == self._known:
            return
        for context in self._contexts:
            context.load_verify_locations(cadata=certificates)
        if self._known:
            logger.info("certificate authorities of the API server loaded again")
        self._known = certificates
