"""A copy of this checkout with its own state, to run commands with the real engine and no cluster.

Everything that the commands write (stack files, state, kubeconfigs) stays in the copy.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
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
    "VERSION",
)
# Bytecode is copied, as each command would compile its modules otherwise; `*.pyc.*` is being written.
IGNORED = shutil.ignore_patterns("*.pyc.*", ".venv", "lib", "lib64", "bin", "include")
SECONDS = 300
PLATFORM = (sys.executable, "-m", "tools.platform")
ENGINE = ROOT / "tests" / "engine"
OFFLINE = ENGINE / "offline.py"
"""The program that needs no cluster."""
NO_CLUSTER = {"clusterKind": "existing", "clusterKubeconfig": "/nowhere", "clusterContext": "none"}
"""Settings of a stack with that program."""
WAY_OUT = {
    "receiversElsewhere": ["webhook"],
    "routing": {"route": {"receiver": "ops"}, "receivers": [{"name": "ops", "channels": ["webhook"]}]},
}
"""Settings that lead messages outside the cluster, as the policies require of a shared one."""
DRIFTING = ENGINE / "drifting.py"
"""A program whose resources change without Pulumi."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandResult:
    """The exit code and the whole output of a command."""

    code: int
    text: str

    @property
    def json_text(self) -> str:
        """The JSON object at the end of the output, after what the engine reports."""
        return self.text[self.text.index("{\n") :]


class Checkout:
    """The copy; `folder` is its path."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / "trial-state"
        self.environment: dict[str, str] = {}
        for part in PARTS:
            source = ROOT / part
            if source.is_dir():
                shutil.copytree(source, folder / part, ignore=IGNORED, symlinks=True)
            else:
                shutil.copy(source, folder / part)
        (folder / ".venv").symlink_to(sys.prefix)
        (folder / "infra" / ".venv").symlink_to("../.venv")

    def write_stack(self, name: str, **values: object) -> Path:
        """Write a stack's file, with values by key without the project's name, and return it."""
        file = self.folder / "stacks" / f"Pulumi.{name}.yaml"
        config = {f"{PROJECT}:{key}": value for key, value in values.items()}
        known = yaml.safe_load(file.read_text("utf-8")) if file.exists() else {}
        file.write_text(yaml.safe_dump({**known, "config": config}), "utf-8")
        return file

    def platform(self, *arguments: str, **variables: str) -> CommandResult:
        """Run a command of the platform; `up` and `rollback` do not ask, because nobody answers."""
        asks = arguments[0] in {"up", "rollback"} and "--yes" not in arguments
        return self.run([*PLATFORM, *arguments, *(["--yes"] if asks else [])], variables)

    def pulumi(self, *arguments: str, typed: str = "", **variables: str) -> CommandResult:
        """Run Pulumi directly, without the platform's commands; it reads `typed` from standard input.

        The backend is that of the copy's local stacks, unless the environment names another.
        """
        toolchain = ensure(ENGINE_GROUPS)
        path = os.pathsep.join((str(Path(sys.executable).parent), toolchain.env()["PATH"]))
        environment = {
            **toolchain.env(),
            "PATH": path,
            "PULUMI_BACKEND_URL": f"file://{self.folder / '.pulumi-state'}?create_dir=true",
            "PULUMI_CONFIG_PASSPHRASE": "known",
            **self.environment,
        }
        command = [str(toolchain.program("pulumi")), "--non-interactive", "--color", "never", *arguments]
        return self.run(command, environment | variables, typed=typed)

    def use_own_secrets(self) -> None:
        """Select a backend and a passphrase that a stack with an existing cluster may use."""
        self.environment = {
            "PULUMI_BACKEND_URL": f"file://{self.state}?create_dir=true",
            "PULUMI_CONFIG_PASSPHRASE": "trial",
        }

    def create_offline_stack(self, name: str, **values: object) -> None:
        """Create a stack in a backend of its own, with a program that needs no cluster; values are those of its file."""
        (self.folder / "infra" / "__main__.py").write_text(OFFLINE.read_text("utf-8"), "utf-8")
        self.use_own_secrets()
        if values:
            self.write_stack(name, **values)
        assert self.pulumi("stack", "init", name).code == 0

    def variables(self, more: Mapping[str, str]) -> dict[str, str]:
        """Return the environment of a command: source folders of the copy, and no variable and no login of Pulumi."""
        env = {key: value for key, value in os.environ.items() if not key.startswith("PULUMI_")}
        path = os.pathsep.join(
            str(self.folder / part)
            for part in ("infra", "operator", "infra/policy_pack", "infra/component_package", "")
        )
        login = {"PULUMI_CREDENTIALS_PATH": str(self.folder / "credentials")}
        return {**env, "PYTHONPATH": path, **login, **self.environment, **more}

    def run(self, command: list[str], variables: Mapping[str, str], *, typed: str = "") -> CommandResult:
        """Run a command in the copy."""
        result = subprocess.run(
            command,
            env=self.variables(variables),
            cwd=self.folder,
            input=typed,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        return CommandResult(code=result.returncode, text=result.stdout)

    def processes(self) -> set[int]:
        """Return the ids of the processes that use this checkout."""
        return processes_of(self.folder)

    def kill_processes(self) -> None:
        """Kill the processes that use this checkout: plugins outlive a killed engine."""
        kill_processes(self.folder)


def processes_of(folder: Path) -> set[int]:
    """Return the ids of the processes that use a checkout."""
    processes = set()
    for environment in Path("/proc").glob("[0-9]*/environ"):
        # The process belongs to another user, or has ended.
        with contextlib.suppress(OSError):
            if f"{folder}/".encode() in environment.read_bytes():
                processes.add(int(environment.parent.name))
    return processes


def kill_processes(folder: Path) -> None:
    """Kill the processes that use a checkout: plugins outlive a killed engine."""
    for process in processes_of(folder):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
