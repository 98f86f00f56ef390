"""Places and names that the engine's environment consists of: programs, folders, passphrases, and the kubeconfig of a stack."""

from __future__ import annotations

import os
import re
import stat
import tempfile
from pathlib import Path

import yaml

from platform_infra.names import PROJECT
from tools.platform.console import err

ROOT = Path(__file__).resolve().parents[3]
ENGINE_GROUPS = ("pulumi", "pulumi-kubernetes")
"""Groups of the toolchain that the engine needs."""

LOCAL_PASSPHRASE = "notification-platform-local"  # noqa: S105 - documented in stacks/README.md
"""Well known on purpose: it protects nothing but the kubeconfig of a cluster on the same machine."""

STATE_FOLDER = ROOT / ".pulumi-state"
"""The embedded backend's folder for the state of this checkout's stacks."""

STATE = f"file://{STATE_FOLDER}?create_dir=true"
"""The embedded backend."""

FOLDER_MODE = 0o700
OTHERS_PERMISSIONS = 0o077
"""The permissions of a mode that belong to other users."""


def secure_folder(folder: Path) -> Path:
    """Create a folder that only its owner can enter, whatever the umask; an existing folder is restricted."""
    try:
        folder.mkdir(mode=FOLDER_MODE, parents=True)
        mode = 0
    except FileExistsError:
        mode = stat.S_IMODE(folder.stat().st_mode)
    if mode != FOLDER_MODE:
        folder.chmod(FOLDER_MODE)
    if mode & OTHERS_PERMISSIONS:
        err.print(
            f"{folder} was accessible to other users of this machine (mode {mode:o}); its mode is {FOLDER_MODE:o} now. It holds "
            "credentials of clusters: if other users work on this machine, recreate the local stacks with `make down` and `make up`."
        )
    return folder


def own_name(stack: str) -> str:
    """Return the name of a stack of this project without its organization and project; empty for a stack of another project."""
    *scope, name = stack.split("/")
    return name if scope[1:] in ([], [PROJECT]) else ""


def passphrase_variable(stack: str) -> str:
    """Return the variable for the passphrase of one stack, for commands on several stacks."""
    name = own_name(stack) or stack
    return f"PULUMI_CONFIG_PASSPHRASE_{re.sub('[^A-Z0-9]', '_', name.upper())}"


def drop_empty_passphrase() -> None:
    """Unset an empty PULUMI_CONFIG_PASSPHRASE where PULUMI_BACKEND_URL names no folder: the engine would encrypt with it.

    CI systems pass a secret that is not defined as an empty variable.
    """
    backend = os.environ.get("PULUMI_BACKEND_URL", "")
    remote = bool(backend) and not backend.startswith("file:")
    if remote and os.environ.get("PULUMI_CONFIG_PASSPHRASE") == "":
        del os.environ["PULUMI_CONFIG_PASSPHRASE"]


KUBECONFIGS = STATE_FOLDER / "kubeconfigs"
FILE_MODE = 0o600


def kubeconfig_path(stack: str) -> Path:
    return KUBECONFIGS / stack


def write_kubeconfig(stack: str, content: str) -> Path:
    """Write the file, readable only by its owner, and return its path; an earlier one stays unless all of it is written."""
    secure_folder(KUBECONFIGS.parent)
    secure_folder(KUBECONFIGS)
    descriptor, name = tempfile.mkstemp(dir=KUBECONFIGS)
    new = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            # Whatever the umask.
            os.fchmod(descriptor, FILE_MODE)
            stream.write(content)
        return new.replace(kubeconfig_path(stack))
    finally:
        new.unlink(missing_ok=True)


def drop_kubeconfig(stack: str) -> None:
    kubeconfig_path(stack).unlink(missing_ok=True)


def namespaced(content: str, context: str, namespace: str) -> str:
    document = yaml.safe_load(content)
    for entry in document["contexts"]:
        if entry["name"] == context:
            entry["context"]["namespace"] = namespace
    document["current-context"] = context
    text: str = yaml.safe_dump(document, sort_keys=False)
    return text
