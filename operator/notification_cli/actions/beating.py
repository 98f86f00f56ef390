"""Sends a heartbeat: to a URL, or to the gateway of the cluster with the credentials that the user may read."""

from __future__ import annotations

import asyncio
import json
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlsplit

import aiohttp

from notification_cli.actions.addressing import secret_path
from notification_cli.actions.checks import is_url, usage
from notification_cli.errors import ApiError, CliError, ExitCode
from notification_cli.kube import port_forward
from notification_cli.kube.port_forward import Reply
from notification_cli.output.documents import document
from notification_cli.rules import read_file
from notification_cli.views.format import Output
from notification_cli.views.sources import source_view
from notification_contract import names
from notification_domain.error_text import readable
from notification_domain.json_values import mapping, text
from notification_runtime.kube.proxy import session_options

if TYPE_CHECKING:
    from collections.abc import Mapping

    from notification_cli.output.screen import Screen
    from notification_cli.session import Session
    from notification_cli.views.sources import SourceView

PORT: Final = "http"
"""The name of the port of the gateway's Service."""
HOOK: Final = "/hook/"
SECONDS: Final = 30.0
LATER: Final = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Beating:
    """What to send a beat for.

    Args:
        name: the source.
        home: the namespace of the gateway.
        url: the gateway, or the whole URL of the source; empty for the gateway of the cluster.
        namespace: that of the source; empty for that of the kubeconfig, or with a URL for that of the gateway.
        token: a bearer token; empty for the credentials in the cluster, or for none with a URL.
        output: the format.
    """

    name: str
    home: str
    url: str = ""
    namespace: str = ""
    token: str = field(default="", repr=False)
    output: Output = Output.TABLE

    @classmethod
    def of(cls, *, token_file: str = "", **more: Any) -> Beating:  # noqa: ANN401 - the other fields
        """Read the token, and check what the user wrote.

        Raises:
            CliError: the source or its URL is missing or wrong, or the file cannot be read.
        """
        token = _line(read_file(token_file), f"the token in {token_file}") if token_file else ""
        beating = cls(token=token, **more)
        if beating.url:
            beating.whole_url()
        elif not beating.name:
            raise usage("NAME is missing; name a source, or give its whole URL with --url")
        return beating

    def run_by_url(self, screen: Screen) -> int:
        return asyncio.run(self._by_url(screen))

    async def _by_url(self, screen: Screen) -> int:
        url, headers = self.whole_url(), self._authorization()
        timeout = aiohttp.ClientTimeout(total=SECONDS)
        try:
            async with (
                # Without `trust_env`, which would also send the passwords of ~/.netrc.
                aiohttp.ClientSession(timeout=timeout, **session_options(url)) as session,
                # The credentials are for this server only.
                session.post(url, headers=headers, allow_redirects=False) as response,
            ):
                reply = Reply(status=response.status, body=await response.read())
        except (aiohttp.ClientError, OSError) as error:
            host = urlsplit(url).netloc.rpartition("@")[2]
            raise ApiError(f"the gateway at {host} cannot be reached: {_reason(error)}") from None
        return self._show(screen, reply)

    def whole_url(self) -> str:
        """Return the URL of the source.

        Raises:
            CliError: it is not one.
        """
        if not is_url(self.url):
            # It can hold a secret, so it is not shown.
            raise usage("--url: it is no URL; write it like https://notifications.example.com")
        if HOOK in urlsplit(self.url).path:
            return self.url
        if not self.name:
            raise usage(f"NAME is missing: --url has no {HOOK}; name a source, or give its whole URL")
        place = (self.namespace,) if self.namespace not in {"", self.home} else ()
        return self.url.rstrip("/") + HOOK + "/".join(quote(each, safe="") for each in (*place, self.name))

    async def run(self, session: Session) -> int:
        source = source_view(await session.sources.get(session.namespace, self.name))
        if not source.is_heartbeat:
            raise CliError(
                f"source {self.name} has the type {source.type}; only sources of the type heartbeat beat"
            )
        path, headers = source.url_path(self.home), self._authorization()
        if not headers:
            path, headers = await _credentials(session, source, self.home)
        try:
            place = await port_forward.find(session.connection, self.home, names.GATEWAY, PORT)
            reply = await port_forward.exchange(session.connection, place, path, headers)
        except ApiError as error:
            if error.status != HTTPStatus.FORBIDDEN:
                raise
            raise ApiError(f"{error}; name the gateway's URL with --url", status=error.status) from None
        return self._show(session.screen, reply)

    def _authorization(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    def _show(self, screen: Screen, reply: Reply) -> int:
        content = _content(reply)
        if reply.status == HTTPStatus.UNAUTHORIZED:
            raise CliError(
                "the gateway does not accept the credentials, or does not know the source",
                code=ExitCode.NO_ACCESS,
            )
        if reply.status not in {HTTPStatus.OK, HTTPStatus.ACCEPTED}:
            reason = text(content.get("error")) or "without a reason"
            code = ExitCode.NO_ACCESS if reply.status in LATER else ExitCode.NEGATIVE
            raise CliError(f"the gateway answers {reply.status}: {reason}", code=code)
        name = f"{names.SOURCE_KIND.lower()}.{names.GROUP}/{self.name}"
        if self.output.is_table:
            screen.line(f"{name if self.name else 'beat'} received")
        else:
            document(screen, self.output, content, name=name)
        return ExitCode.OK


async def _credentials(session: Session, source: SourceView, home: str) -> tuple[str, dict[str, str]]:
    """Return path and headers with the first credentials of a source that are in a Secret.

    Raises:
        CliError: there are none.
        ApiError: the Secret cannot be read.
    """
    auth, path = mapping(source.spec.get("auth")), source.url_path(home)
    if ref := mapping(auth.get("bearerSecretRef")):
        token = _value(await _secret(session, source, text(ref.get("name"))), text(ref.get("key")) or "token")
        return path, {"Authorization": f"Bearer {token}"}
    if ref := mapping(auth.get("basicSecretRef")):
        secret = await _secret(session, source, text(ref.get("name")))
        user = _value(secret, text(ref.get("usernameKey")) or "username")
        password = _value(secret, text(ref.get("passwordKey")) or "password")
        return path, {"Authorization": f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"}
    if source.has_path_token:
        return await secret_path(session, source, home), {}
    accepted = "; ".join(source.authentication) or "nothing"
    raise CliError(f"source {source.name} accepts {accepted}; give a bearer token with --token-file")


async def _secret(session: Session, source: SourceView, name: str) -> Mapping[str, Any]:
    namespace = quote(source.namespace, safe="")
    try:
        return await session.connection.get(f"/api/v1/namespaces/{namespace}/secrets/{quote(name, safe='')}")
    except ApiError as error:
        if error.status == HTTPStatus.NOT_FOUND:
            raise CliError(f"there is no Secret {name} in namespace {source.namespace}") from None
        raise


def _value(secret: Mapping[str, Any], key: str) -> str:
    name = mapping(secret.get("metadata")).get("name")
    try:
        value = b64decode(mapping(secret.get("data"))[key]).decode()
    except KeyError:
        raise CliError(f"Secret {name} has no key {key}") from None
    except (Base64Error, UnicodeDecodeError):
        raise CliError(f"the key {key} of Secret {name} is not a text") from None
    return _line(value, f"the key {key} of Secret {name}")


def _line(value: str, what: str) -> str:
    """Return a credential without surrounding white space, as the gateway reads it.

    Raises:
        CliError: it has control characters, which would become headers.
    """
    line = value.strip()
    if not line.isprintable():
        raise CliError(f"{what} has control characters; a credential is one line")
    return line


def _content(reply: Reply) -> Mapping[str, Any]:
    try:
        return mapping(json.loads(reply.body))
    except ValueError:
        return {}


def _reason(error: Exception) -> str:
    """Return why there is no answer, without the URL: it can hold a secret, and the other messages of aiohttp hold the URL."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return readable(error) if isinstance(error, OSError) else "the connection ended without a valid answer"
