"""The Pulumi engine as a program: the one place that builds its command line and its environment."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools.localcluster.toolchain import ensure
from tools.platform.engine_process import run_attached
from tools.platform.pulumi.environment import (
    ENGINE_GROUPS,
    LOCAL_PASSPHRASE,
    ROOT,
    STATE_FOLDER,
    passphrase_variable,
    secure_folder,
)
from tools.platform.pulumi.stack_file import uses_local_cluster
from tools.platform.pulumi.state.backend import CREDENTIALS, URL, backend_url, credentials_folder, folder_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tools.localcluster.toolchain import Toolchain


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """The engine of a toolchain, with backend and passphrase of one stack."""

    toolchain: Toolchain
    stack: str = ""
    backend: str

    @classmethod
    def for_stack(
        cls, stack: str = "", toolchain: Toolchain | None = None, *, config: Mapping[str, Any] | None = None
    ) -> Engine:
        """Return the engine, which is downloaded or built first where it is missing.

        `config` are values that are about to be written to the stack's file.

        Raises:
            LoginError: the backend is that of a login which cannot be read.
            ToolchainError: the engine is not available.
        """
        backend = backend_url(stack, config=config)
        if folder_of(backend) == STATE_FOLDER:
            # The engine would create it with the umask's permissions.
            secure_folder(STATE_FOLDER)
        return cls(toolchain=toolchain or ensure(ENGINE_GROUPS), stack=stack, backend=backend)

    @property
    def variables(self) -> dict[str, str]:
        """The variables to set for the engine, over those of this process."""
        return engine_environment(self.toolchain, stack=self.stack, backend=self.backend)

    def command(self, arguments: Sequence[str]) -> list[str]:
        """Return a command line that runs in this checkout."""
        return [str(self.toolchain.program("pulumi")), "-C", str(ROOT), *arguments]

    def run(self, arguments: Sequence[str], *, without: Sequence[str] = ()) -> int:
        """Run the engine with the outputs of this process, `without` some variables, and return its exit code.

        At a terminal it replaces this process, because only a terminal's foreground process can ask questions.

        Raises:
            KeyboardInterrupt: this process was asked to end; the engine has ended.
        """
        command = self.command(arguments)
        variables = {**os.environ, **self.variables}
        known = {key: value for key, value in variables.items() if key not in without}
        if sys.stdin.isatty():
            os.execve(command[0], command, known)  # noqa: S606 - no shell is wanted
        return run_attached(command, known)


def engine_environment(
    toolchain: Toolchain, variables: Mapping[str, str] = os.environ, *, stack: str = "", backend: str = ""
) -> dict[str, str]:
    """Return the variables to set for the engine; those in `variables` take precedence.

    `backend` is the URL of the stack's backend, where the caller knows it. The folder of the running Python comes first on
    PATH, since the engine looks for `python` there.
    """
    tools = toolchain.env()
    url = backend or backend_url(stack, variables)
    chosen = {
        URL: url,
        # PULUMI_HOME is that of the toolchain, and the login that of the user.
        CREDENTIALS: str(credentials_folder(variables)),
        # A checkout without the stack's file reads from the state what encrypts its secrets.
        "PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER": "true",
        **_passphrase(stack, url, variables),
    }
    path = os.pathsep.join((str(Path(sys.executable).parent), tools["PATH"]))
    return {**tools, **chosen, "PATH": path, "VIRTUAL_ENV": sys.prefix}


def _passphrase(stack: str, url: str, variables: Mapping[str, str]) -> dict[str, str]:
    """Return the passphrase variable to set: the stack's own, or the public one for state in a folder."""
    if stack and (own := variables.get(passphrase_variable(stack))):
        return {"PULUMI_CONFIG_PASSPHRASE": own}
    if variables.keys() & {"PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"}:
        return {}
    if folder_of(url) is None or (stack and not uses_local_cluster(stack)):
        return {}
    return {"PULUMI_CONFIG_PASSPHRASE": LOCAL_PASSPHRASE}
