"""The API server as this process reaches it: credentials by the usual rules, and two clients.

One client reads and writes (the API reader of SP-CACHE-001); the other one, kopf's, only watches.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
from kubernetes.aio.client import ApiClient, Configuration, VersionApi
from kubernetes.aio.client.exceptions import ApiException
from kubernetes.aio.config import (
    ConfigException,
    load_incluster_config,
    load_kube_config,
)
from kubernetes.aio.config.kube_config import list_kube_config_contexts

from notification_operator.kube.proxies import session_options

if TYPE_CHECKING:
    from notification_operator.kube.connectivity import Connectivity

SERVICE_ACCOUNT_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
ANSWER_WITHIN = 8.0
"""Seconds that the API server has for its first answer, before the start is given up with an error."""

PULSE = 5.0
"""Seconds of silence after which an API server that nothing else is asked of is asked for its version."""


class UnreachableError(Exception):
    """The API server does not answer, or there is no way to find it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """Where the API server is and how to speak to it."""

    configuration: Configuration
    namespace: str
    """The namespace of this pod, or of the kubeconfig's current context."""
    source: str
    """Where the credentials come from, for messages."""


async def connect(connectivity: Connectivity, *, pool: int) -> Cluster:
    """Find the API server as kubectl does: the pod's own account, else the kubeconfig.

    Raises:
        UnreachableError: there is neither.
    """
    configuration = Configuration()
    configuration.trace_configs = [connectivity.trace("working")]
    configuration.connection_pool_maxsize = pool
    # Left at None, never False: the client takes that for a number, and then repeats what fails with 5xx
    # without end, behind the back of those who are to decide.
    configuration.retries = None
    try:
        load_incluster_config(client_configuration=configuration)
    except ConfigException:
        cluster = await _from_kubeconfig(configuration)
    else:
        namespace = SERVICE_ACCOUNT_NAMESPACE.read_text().strip()  # noqa: ASYNC240 - once, at start
        cluster = Cluster(
            configuration=configuration, namespace=namespace, source="the pod's service account"
        )
    configuration.client_session_kwargs = {"trust_env": False, **session_options(configuration.host)}
    return cluster


async def _from_kubeconfig(configuration: Configuration) -> Cluster:
    try:
        await load_kube_config(client_configuration=configuration)
        _, current = list_kube_config_contexts()
    except ConfigException as error:
        raise UnreachableError(
            f"no cluster to work with: not in a pod, and no usable kubeconfig ({error}); set KUBECONFIG"
        ) from None
    namespace = current["context"].get("namespace", "default")
    return Cluster(configuration=configuration, namespace=namespace, source=f"context {current['name']!r}")


async def check_answers(client: ApiClient, cluster: Cluster) -> None:
    """Make sure that the API server answers.

    Raises:
        UnreachableError: it does not, within a few seconds; names server and context.
    """
    where = f"the API server at {cluster.configuration.host} ({cluster.source})"
    try:
        async with asyncio.timeout(ANSWER_WITHIN):
            await VersionApi(client).get_code()
    except TimeoutError:
        raise UnreachableError(f"{where} did not answer within {ANSWER_WITHIN:g} s") from None
    except (aiohttp.ClientError, OSError) as error:
        raise UnreachableError(f"{where} cannot be reached: {error}") from None
    except ApiException as error:
        raise UnreachableError(f"{where} refused the request: {error.status} {error.reason}") from None


async def keep_asking(client: ApiClient, connectivity: Connectivity) -> None:
    """Ask the API server for a sign of life whenever it has not answered anything for a while.

    For an operator without a Lease, whose renewals would be that sign.
    """
    while True:
        await asyncio.sleep(PULSE)
        if connectivity.silence > PULSE:
            with contextlib.suppress(ApiException, aiohttp.ClientError, OSError, TimeoutError):
                async with asyncio.timeout(PULSE):
                    await VersionApi(client).get_code()


async def credentials(configuration: Configuration) -> dict[str, str]:
    """Return the headers that tell who asks, as they are now; a client certificate is not among them."""
    settings = await configuration.auth_settings()
    return {
        auth["key"]: auth["value"] for auth in settings.values() if auth["in"] == "header" and auth["value"]
    }


async def watching_session(cluster: Cluster, connectivity: Connectivity) -> aiohttp.ClientSession:
    """Return a session of its own for the watching client, with the credentials as they are now."""
    headers = await credentials(cluster.configuration)
    ssl = ApiClient(cluster.configuration).rest_client.ssl_context
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, ssl=ssl),
        headers=headers,
        trace_configs=[connectivity.trace("watching")],
        **session_options(cluster.configuration.host),
    )
