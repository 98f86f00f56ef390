"""The engine's workspace as the commands use it: this checkout, and one call per question."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

from pulumi import automation as auto

from tools.platform.pulumi.engine import Engine
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from tools.localcluster.toolchain import Toolchain


class Workspace(auto.LocalWorkspace):
    """Selects no stack: every command names its own, several may run at once, and the selection is a file.

    Reads a stack's outputs in one call of the engine, where the Automation API makes two to tell secrets apart. Each
    such call derives a key from the passphrase, which is slow by design. All outputs count as secrets.
    """

    def __init__(self, **settings: Any) -> None:  # noqa: ANN401 - those of the base class
        super().__init__(**settings)
        self._existing: set[str] = set()

    def create_stack(self, stack_name: str) -> None:
        """Create the stack."""
        self._query("stack", "init", stack_name, "--no-select")

    def select_stack(self, stack_name: str) -> None:
        """Check that the stack exists, unless its configuration has been read already.

        Raises:
            StackNotFoundError: it does not.
        """
        if stack_name not in self._existing:
            self._query("stack", "--show-name", "--stack", stack_name)

    def stack_outputs(self, stack_name: str) -> auto.OutputMap:
        """Return the outputs of the last `up`, empty before the first."""
        values = json.loads(self._query("stack", "output", "--json", "--show-secrets", "--stack", stack_name))
        return {key: auto.OutputValue(value, secret=True) for key, value in values.items()}

    def resolved_config(self, stack_name: str, *, config_file: str = "") -> dict[str, dict[str, Any]]:
        """Return each configuration entry as the engine resolves it: defaults, the stack's file, ESC environments.

        A secret entry has no value, so that no key is derived from the passphrase.

        Raises:
            StackNotFoundError: the stack does not exist.
        """
        file = ["--config-file", config_file] if config_file else []
        entries: dict[str, dict[str, Any]] = json.loads(
            self._query("config", "--json", "--open", "--stack", stack_name, *file)
        )
        self._existing.add(stack_name)
        return entries

    def _query(self, *arguments: str) -> str:
        return self.pulumi_command.run([*arguments], self.work_dir, self.env_vars).stdout


def workspace(toolchain: Toolchain | None = None, *, stack: str = "") -> Workspace:
    """Return the workspace of this checkout, with the passphrase of that stack."""
    return workspace_of(Engine.for_stack(stack, toolchain))


def workspace_of(engine: Engine, *, folder: str = str(ROOT), **variables: str) -> Workspace:
    """Return the workspace of a project folder, with more variables for the engine."""
    return Workspace(
        work_dir=folder,
        env_vars={**engine.variables, **variables},
        pulumi_command=_command(str(engine.toolchain.root)),
    )


@cache
def _command(root: str) -> auto.PulumiCommand:
    """Return the engine's program; its version is queried once per process."""
    return auto.PulumiCommand(root)
