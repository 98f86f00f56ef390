"""A stack's program with a temporary state, whose provider renders files: for the policies, and for what a cluster permits."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pulumi import automation as auto

from tools.platform.pulumi.engine import Engine, workspace_of
from tools.platform.pulumi.environment import LOCAL_PASSPHRASE, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAM = ROOT / "infra" / "policy_pack" / "offline"
PATHS = ("infra", "infra/policy_pack", "operator", ".")


@contextmanager
def offline_stack(
    name: str, *, kubeconfig: str = "", context: str = "", **variables: str
) -> Iterator[auto.Stack]:
    """Yield a stack to preview. A cluster is asked only which monitoring kinds it serves, and none without a kubeconfig."""
    with tempfile.TemporaryDirectory(prefix="offline-") as folder:
        scratch = Path(folder)
        # The engine writes the stack's file next to its project.
        program = shutil.copytree(PROGRAM, scratch / "program")
        file = scratch / "kubeconfig"
        file.touch(mode=0o600)
        file.write_text(kubeconfig, "utf-8")
        own = {
            "PULUMI_BACKEND_URL": f"file://{scratch}",
            "PULUMI_CONFIG_PASSPHRASE": LOCAL_PASSPHRASE,
            "PYTHONPATH": os.pathsep.join(str(ROOT / part) for part in PATHS),
            "OFFLINE_SCRATCH": str(scratch / "manifests"),
            "OFFLINE_KUBECONFIG": str(file),
            "OFFLINE_CONTEXT": context,
        }
        yield auto.Stack.create(
            name, workspace_of(Engine.for_stack(), folder=str(program), **own, **variables)
        )
