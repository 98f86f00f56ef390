"""The environment of the Pulumi engine: programs, state, passphrase, Python."""

from __future__ import annotations

import os
import re
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tools.platform.console import err

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tools.localcluster.toolchain import Toolchain

ROOT = Path(__file__).resolve().parents[3]
ENGINE_GROUPS = ("pulumi", "pulumi-kubernetes")
"""Groups of the toolchain that the engine needs."""

LOCAL_PASSPHRASE = "notification-platform-local"  # noqa: S105 - documented in stacks/README.md
"""Well known on purpose: it protects nothing but the kubeconfig of a cluster on the same machine."""

STATE_FOLDER = ROOT / ".pulumi-state"
"""The embedded backend's folder for the state of this checkout's stacks."""

STATE = f"file://{STATE_FOLDER}?create_dir=true"
"""The backend of Pulumi.yaml as an absolute URL, independent of the working directory."""

FOLDER_MODE = 0o700
OTHERS = 0o077
"""The permissions of a mode that belong to other users."""


def backend_url(variables: Mapping[str, str] = os.environ) -> str:
    """Return the URL of the backend that the engine uses."""
    return variables.get("PULUMI_BACKEND_URL") or STATE


def shown_backend(variables: Mapping[str, str] = os.environ) -> str:
    """Return the URL of the backend without a password."""
    url = urlsplit(backend_url(variables))
    if url.password is None:
        return url.geturl()
    return url._replace(netloc=f"{url.username}:…@{url.netloc.rpartition('@')[2]}").geturl()


def backend_folder(variables: Mapping[str, str] = os.environ) -> Path | None:
    """Return the folder of a `file://` backend, or None for any other backend."""
    url = urlsplit(backend_url(variables))
    if url.scheme != "file":
        return None
    return Path(os.path.normpath(ROOT / Path(url.netloc + url.path).expanduser()))


def secure_folder(folder: Path) -> Path:
    """Create a folder that only its owner can enter, whatever the umask; an existing folder is restricted."""
    try:
        folder.mkdir(mode=FOLDER_MODE, parents=True)
        mode = 0
    except FileExistsError:
        mode = stat.S_IMODE(folder.stat().st_mode)
    if mode != FOLDER_MODE:
        folder.chmod(FOLDER_MODE)
    if mode & OTHERS:
        err.print(
            f"{folder} was accessible to other users of this machine (mode {mode:o}); its mode is {FOLDER_MODE:o} now. It holds "
            "credentials of clusters: if other users work on this machine, recreate the local stacks with `make down` and `make up`."
        )
    return folder


def passphrase_variable(stack: str) -> str:
    """Return the variable for the passphrase of one stack, for commands on several stacks."""
    return f"PULUMI_CONFIG_PASSPHRASE_{re.sub('[^A-Z0-9]', '_', stack.upper())}"


def engine_environment(
    toolchain: Toolchain, variables: Mapping[str, str] = os.environ, *, stack: str = ""
) -> dict[str, str]:
    """Return the variables to set for the engine; those in `variables` take precedence.

    The folder of the running Python comes first on PATH, since the engine looks for `python` there.
    """
    tools = toolchain.env()
    chosen = {"PULUMI_BACKEND_URL": backend_url(variables)}
    if stack and (own := variables.get(passphrase_variable(stack))):
        chosen["PULUMI_CONFIG_PASSPHRASE"] = own
    elif not variables.keys() & {"PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"}:
        chosen["PULUMI_CONFIG_PASSPHRASE"] = LOCAL_PASSPHRASE
    path = os.pathsep.join((str(Path(sys.executable).parent), tools["PATH"]))
    return {**tools, **chosen, "PATH": path, "VIRTUAL_ENV": sys.prefix}
