"""The environment of the Pulumi engine: programs, state, passphrase, Python."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

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


def passphrase_variable(stack: str) -> str:
    """Return the variable for the passphrase of one stack, for commands on several stacks."""
    return f"PULUMI_CONFIG_PASSPHRASE_{re.sub('[^A-Z0-9]', '_', stack.upper())}"


def engine_environment(
    toolchain: Toolchain, caller: Mapping[str, str] = os.environ, *, stack: str = ""
) -> dict[str, str]:
    """Return the variables to set for the engine; those in `caller` take precedence.

    The folder of the running Python comes first on PATH, since the engine looks for `python` there.
    """
    tools = toolchain.env()
    chosen = {"PULUMI_BACKEND_URL": caller.get("PULUMI_BACKEND_URL") or STATE}
    if stack and (own := caller.get(passphrase_variable(stack))):
        chosen["PULUMI_CONFIG_PASSPHRASE"] = own
    elif not caller.keys() & {"PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"}:
        chosen["PULUMI_CONFIG_PASSPHRASE"] = LOCAL_PASSPHRASE
    path = os.pathsep.join((str(Path(sys.executable).parent), tools["PATH"]))
    return {**tools, **chosen, "PATH": path, "VIRTUAL_ENV": sys.prefix}
