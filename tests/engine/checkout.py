"""A copy of this checkout with a state of its own, and what its verbs say: the real engine, and no cluster.

What the verbs write (stacks' files, state, kubeconfigs) stays in the copy.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from platform_infra.names import PROJECT
from tools.localcluster.toolchain import ensure
from tools.platform.pulumi.environment import ENGINE_GROUPS, ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping

PARTS = (
    "infra",
    "operator",
    "stacks",
    "tools",
    "Pulumi.yaml",
    "Dockerfile",
    "pyproject.toml",
)
LEFT_OUT = shutil.ignore_patterns("__pycache__", ".venv", "*.pyc", "lib", "lib64", "bin", "include")
SECONDS = 300
OFFLINE = Path(__file__).with_name("offline.py")
"""The program for a cluster that need not be there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """How a command ended, and all that it said."""

    code: int
    text: str


class Checkout:
    """The copy; `place` is its folder."""

    def __init__(self, place: Path) -> None:
        self.place = place
        for part in PARTS:
            source = ROOT / part
            if source.is_dir():
                shutil.copytree(source, place / part, ignore=LEFT_OUT, symlinks=True)
            else:
                shutil.copy(source, place / part)
        (place / ".venv").symlink_to(sys.prefix)
        (place / "infra" / ".venv").symlink_to("../.venv")

    def write_stack(self, name: str, **values: object) -> Path:
        """Write a stack's file, with values by key without the project's name, and return it."""
        file = self.place / "stacks" / f"Pulumi.{name}.yaml"
        config = {f"{PROJECT}:{key}": value for key, value in values.items()}
        known = yaml.safe_load(file.read_text("utf-8")) if file.exists() else {}
        file.write_text(yaml.safe_dump({**known, "config": config}), "utf-8")
        return file

    def verb(self, module: str, *arguments: str, **variables: str) -> Said:
        """Run one of the tools, as its make target does."""
        return self.run([sys.executable, "-m", f"tools.platform.commands.{module}", *arguments], variables)

    def pulumi(self, *arguments: str, **variables: str) -> Said:
        """Run Pulumi as somebody does who knows nothing of the verbs."""
        toolchain = ensure(ENGINE_GROUPS)
        path = os.pathsep.join((str(Path(sys.executable).parent), toolchain.env()["PATH"]))
        given = {**toolchain.env(), "PATH": path, "PULUMI_CONFIG_PASSPHRASE": "known"}
        command = [str(toolchain.program("pulumi")), "--non-interactive", "--color", "never", *arguments]
        return self.run(command, given | variables)

    def variables(self, given: Mapping[str, str]) -> dict[str, str]:
        """Return the environment of a command: what is ours leads to the copy, and nothing of Pulumi's comes along."""
        env = {key: value for key, value in os.environ.items() if not key.startswith("PULUMI_")}
        path = os.pathsep.join(
            str(self.place / part) for part in ("infra", "operator", "infra/policy_pack", "")
        )
        return {**env, "PYTHONPATH": path, **given}

    def run(self, command: list[str], variables: Mapping[str, str]) -> Said:
        """Run a command in the copy."""
        env = {key: value for key, value in os.environ.items() if not key.startswith("PULUMI_")}
        env |= {
            "PYTHONPATH": os.pathsep.join(
                str(self.place / part) for part in ("infra", "operator", "infra/policy_pack", "")
            )
        }
        done = subprocess.run(
            command,
            env=self.variables(variables),
            cwd=self.place,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        return Said(code=done.returncode, text=done.stdout)
