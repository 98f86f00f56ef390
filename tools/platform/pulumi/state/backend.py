"""The backend that holds the state of a stack.

It is that of PULUMI_BACKEND_URL. Without this variable, a stack whose cluster is a node on this machine has its state in the
embedded backend, a folder of the checkout; every other stack uses the backend of `pulumi login`.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tools.platform.errors import PlatformError
from tools.platform.pulumi.environment import ROOT, STATE
from tools.platform.pulumi.stack_file import uses_local_cluster

if TYPE_CHECKING:
    from collections.abc import Mapping

URL = "PULUMI_BACKEND_URL"
CREDENTIALS = "PULUMI_CREDENTIALS_PATH"
WITHOUT_LOGIN = f"set {URL} to the backend; `pulumi whoami --verbose` shows its URL"
SERVICE = "https://api.pulumi.com"
SERVICE_SCHEMES = frozenset({"https", "http"})
"""Schemes of the URL of Pulumi's service."""


def backend_url(
    stack: str = "",
    variables: Mapping[str, str] = os.environ,
    *,
    folder: Path = ROOT / "stacks",
    config: Mapping[str, Any] | None = None,
) -> str:
    """Return the URL of a stack's backend; without a stack, that of commands on no stack in particular.

    `config` are values that are about to be written to the stack's file in `folder`, by key without the project's name.
    """
    if url := variables.get(URL):
        return url
    if stack and uses_local_cluster(stack, folder, config=config):
        return STATE
    return login_url(variables) or STATE


def use_backend_of(stack: str) -> None:
    """Let every stack that this process works on use the backend of this one, whatever their own would be."""
    os.environ[URL] = backend_url(stack)


def login_url(variables: Mapping[str, str] = os.environ) -> str:
    """Return the URL of the backend that `pulumi login` selected; empty after a logout.

    An access token without a login means Pulumi's service, as for the engine.
    """
    file = credentials_folder(variables) / "credentials.json"
    current = _current(file) if file.is_file() else ""
    if not current and variables.get("PULUMI_ACCESS_TOKEN"):
        return variables.get("PULUMI_API") or SERVICE
    return current


def _current(file: Path) -> str:
    try:
        content = json.loads(file.read_bytes() or b"{}")
    except (OSError, ValueError) as error:
        raise PlatformError(
            f"{file}: the login of Pulumi cannot be read ({error})", hint=WITHOUT_LOGIN
        ) from None
    if not isinstance(content, dict) or (
        content and not content.keys() & {"current", "accounts", "accessTokens"}
    ):
        raise PlatformError(
            f"{file}: the login of Pulumi is encrypted, so its backend is unknown", hint=WITHOUT_LOGIN
        )
    return str(content.get("current") or "")


def credentials_folder(variables: Mapping[str, str] = os.environ) -> Path:
    """Return the folder in which `pulumi login` of this user stores its result."""
    chosen = variables.get(CREDENTIALS) or variables.get("PULUMI_HOME") or "~/.pulumi"
    return Path(chosen).expanduser()


def folder_of(url: str) -> Path | None:
    parts = urlsplit(url)
    if parts.scheme != "file":
        return None
    return Path(os.path.normpath(ROOT / Path(parts.netloc + parts.path).expanduser()))


def engine_url(url: str) -> str:
    """Return the URL of a backend as the engine gets it: a folder without a file of attributes next to each file.

    The engine writes those in two steps, and reads no state whose attributes a killed process has left empty.
    """
    if folder_of(url) is None or "metadata=" in url:
        return url
    return f"{url}{'&' if urlsplit(url).query else '?'}metadata=skip"


def is_service(url: str) -> bool:
    """Return whether a backend is Pulumi's service, which can encrypt secrets itself."""
    return urlsplit(url).scheme in SERVICE_SCHEMES


def shown(url: str) -> str:
    parts = urlsplit(url)
    if parts.password is None:
        return parts.geturl()
    return parts._replace(netloc=f"{parts.username}:…@{parts.netloc.rpartition('@')[2]}").geturl()
