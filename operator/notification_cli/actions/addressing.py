"""Prints the URL of a source, with the secret part of it that the user may compute."""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as Base64Error
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from notification_cli.actions.checks import is_url, usage
from notification_cli.errors import ApiError, CliError, ExitCode
from notification_cli.views.sources import source_view
from notification_contract import names
from notification_contract.sources.path_token import HINT, path_keys, path_token
from notification_domain.json_values import mapping, text

if TYPE_CHECKING:
    from notification_cli.session import Session
    from notification_cli.views.sources import SourceView

PERMISSION: Final = "only a user who may read this Secret can compute the URL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Addressing:
    """Which source; `home` is the namespace of the gateway, and `url` its URL, empty for the URL within the cluster."""

    name: str
    home: str
    url: str = ""

    async def run(self, session: Session) -> int:
        if self.url and not is_url(self.url):
            raise usage("--url: it is no URL; write it like https://notifications.example.com")
        source = source_view(await session.sources.get(session.namespace, self.name))
        base = self.url.rstrip("/") or f"http://{names.GATEWAY}.{self.home}.svc"
        session.screen.line(base + await secret_path(session, source, self.home))
        return ExitCode.OK


async def secret_path(session: Session, source: SourceView, home: str) -> str:
    """Return the path to send to, with the secret part of it if the source has one.

    Raises:
        CliError: there is no key.
        ApiError: the Secret with the key cannot be read.
    """
    path = source.url_path(home)
    if not source.has_path_token:
        return path
    keys = path_keys(await _values(session, home))
    if not keys:
        raise CliError(f"Secret {home}/{names.PATH_KEYS_SECRET} has no key; {HINT}")
    return f"{path.rpartition('/')[0]}/{path_token(keys[0], source.uid)}"


async def _values(session: Session, home: str) -> dict[str, bytes]:
    place = f"{home}/{names.PATH_KEYS_SECRET}"
    try:
        secret = await session.connection.get(
            f"/api/v1/namespaces/{quote(home, safe='')}/secrets/{names.PATH_KEYS_SECRET}"
        )
        return {key: b64decode(text(value)) for key, value in mapping(secret.get("data")).items()}
    except Base64Error:
        raise CliError(f"a value of Secret {place} is not in base64; {HINT}") from None
    except ApiError as error:
        if error.status == HTTPStatus.NOT_FOUND:
            raise CliError(f"there is no Secret {place}; {HINT}") from None
        if error.status == HTTPStatus.FORBIDDEN:
            raise ApiError(f"{error}; {PERMISSION}", status=error.status) from None
        raise
