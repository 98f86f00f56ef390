"""The connection that kubectl would use: server, certificates, proxy and credentials of a context."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from notification_cli.errors import ApiError, CliError, ExitCode
from notification_cli.kube.credentials import Credentials
from notification_cli.kube.http import GZIP, HttpClient, Request
from notification_cli.kube.kubeconfig import read_profile
from notification_cli.kube.tls import tls_context

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from ssl import SSLContext

    from notification_cli.kube.credentials import Issued
    from notification_cli.kube.http import Response
    from notification_cli.kube.kubeconfig import Access, Profile


@dataclass(slots=True, kw_only=True)
class Connection:
    """A client of the API server, and what the kubeconfig says about it."""

    client: HttpClient
    credentials: Credentials
    profile: Profile
    certificate: str
    """The issued certificate that the client presents; empty without one."""
    prefix: str
    """The path of the server's URL, such as that of a proxy of clusters."""
    namespace: str
    context: str
    """The name of the context, for messages."""

    async def send(  # noqa: PLR0913 - the parts of a request
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any],
        seconds: float,
        body: bytes | None = None,
        content_type: str = "application/json",
    ) -> Response:
        """Send a request and return the response; a token that the API server refuses is renewed once, if it can be.

        Raises:
            OSError: there is no response.
            http.client.HTTPException: the response is none of HTTP.
        """
        for renewable in (self.credentials.renewable, False):
            headers = await self._headers()
            if body is not None:
                headers.append(("Content-Type", content_type))
            request = Request(
                method=method, target=self._target(path, query), headers=headers, body=body, seconds=seconds
            )
            response = await self.client.send(request)
            if response.status != HTTPStatus.UNAUTHORIZED or not renewable:
                break
            self.credentials.discard()
        return response

    @asynccontextmanager
    async def stream(
        self, path: str, *, query: Mapping[str, Any], seconds: float
    ) -> AsyncIterator[tuple[int, AsyncIterator[bytes]]]:
        """Send a request for a long response; gives its status and its lines as they arrive."""
        request = Request(
            method="GET", target=self._target(path, query), headers=await self._headers(), seconds=seconds
        )
        async with self.client.stream(request) as response:
            yield response

    async def _headers(self) -> list[tuple[str, str]]:
        issued = await self.credentials.issued()
        if issued.certificate != self.certificate:
            # The one before has ended, or was refused.
            self.client.renew(_trust(self.profile, issued))
            self.certificate = issued.certificate
        return [
            ("Accept", "application/json"),
            ("Accept-Encoding", GZIP),
            ("User-Agent", "notif"),
            *await self.credentials.headers(),
        ]

    def _target(self, path: str, query: Mapping[str, Any]) -> str:
        return f"{self.prefix}{path}?{urlencode(query)}" if query else f"{self.prefix}{path}"


@asynccontextmanager
async def connect(access: Access) -> AsyncIterator[Connection]:
    """Open a connection as kubectl does: with the kubeconfig, else with the pod's service account.

    Raises:
        CliError: there is no usable kubeconfig.
    """
    profile = read_profile(access)
    credentials = Credentials(profile)
    issued = await credentials.issued()
    tls = _trust(profile, issued)
    server = str(profile.cluster["server"])
    client = HttpClient(
        server, tls=tls, name=str(profile.cluster.get("tls-server-name") or ""), proxy=_proxy(profile)
    )
    try:
        yield Connection(
            client=client,
            credentials=credentials,
            profile=profile,
            certificate=issued.certificate,
            prefix=urlsplit(server).path.rstrip("/"),
            namespace=profile.namespace,
            context=profile.context,
        )
    finally:
        client.close()


def _trust(profile: Profile, issued: Issued) -> SSLContext:
    """Return the certificates of a context.

    Raises:
        CliError: they cannot be read.
    """
    try:
        return tls_context(profile, issued)
    except (OSError, ValueError) as error:
        raise CliError(
            f"the certificates of {profile.context} cannot be read: {error}", code=ExitCode.NO_ACCESS
        ) from None


def _proxy(profile: Profile) -> str:
    """Return the proxy of the kubeconfig, else that of the environment, as kubectl chooses it; empty without one.

    Raises:
        ApiError: this program cannot use it.
    """
    proxy = str(profile.cluster.get("proxy-url") or "")
    if not proxy and any(name.lower().endswith("s_proxy") for name in os.environ):
        from notification_operator.kube.proxy.environment import session_options  # noqa: PLC0415 - rarely needed

        proxy = str(session_options(str(profile.cluster["server"])).get("proxy") or "")
    if proxy and not proxy.startswith("http://"):
        scheme = proxy.partition("://")[0]
        raise ApiError(f"the proxy of {profile.context} has the scheme {scheme}; notif can use http:// only")
    return proxy
