"""The environment that the Pulumi engine runs in: its programs, its state, its passphrase, our Python."""

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
"""What the engine needs of the toolchain."""

LOCAL_PASSPHRASE = "notification-platform-local"  # noqa: S105 - documented in stacks/README.md
"""Well known on purpose: it protects the kubeconfig of a cluster on your own machine, from yourself."""

STATE_FOLDER = ROOT / ".pulumi-state"
"""Where the embedded backend keeps the state of this checkout's stacks."""

STATE = f"file://{STATE_FOLDER}?create_dir=true"
"""Pulumi.yaml's backend, independent of the folder that the engine is started in."""


def passphrase_variable(stack: str) -> str:
    """Return the variable that holds the passphrase of one stack, where a command works on several."""
    return f"PULUMI_CONFIG_PASSPHRASE_{re.sub('[^A-Z0-9]', '_', stack.upper())}"


def engine_environment(
    toolchain: Toolchain, given: Mapping[str, str] = os.environ, *, stack: str = ""
) -> dict[str, str]:
    """Return the variables to set for the engine; what the caller has chosen stands.

    The folder of the running Python comes first on PATH, since the engine looks for `python` there.
    """
    tools = toolchain.env()
    chosen = {"PULUMI_BACKEND_URL": given.get("PULUMI_BACKEND_URL") or STATE}
    if stack and (own := given.get(passphrase_variable(stack))):
        chosen["PULUMI_CONFIG_PASSPHRASE"] = own
    elif not given.keys() & {"PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"}:
        chosen["PULUMI_CONFIG_PASSPHRASE"] = LOCAL_PASSPHRASE
    path = os.pathsep.join((str(Path(sys.executable).parent), tools["PATH"]))
    return {**tools, **chosen, "PATH": path, "VIRTUAL_ENV": sys.prefix}
