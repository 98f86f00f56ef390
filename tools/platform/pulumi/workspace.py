"""The engine's workspace as the verbs use it: this checkout, and no question asked twice."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING

from pulumi import automation as auto

from tools.localcluster.toolchain import ensure
from tools.platform.pulumi.environment import ENGINE_GROUPS, ROOT, engine_environment

if TYPE_CHECKING:
    from tools.localcluster.toolchain import Toolchain


class Workspace(auto.LocalWorkspace):
    """Selects no stack, since every verb names its own, and several may run at once: the selection is a file.

    Reads a stack's outputs in one call of the engine, where the Automation API makes two to tell secrets apart. Each
    such call derives a key from the passphrase, which is made to take its time. All outputs count as secrets.
    """

    def create_stack(self, stack_name: str) -> None:
        """Create the stack."""
        self._ask("init", stack_name, "--no-select")

    def select_stack(self, stack_name: str) -> None:
        """See to it that there is the stack.

        Raises:
            StackNotFoundError: there is none.
        """
        self._ask("--show-name", "--stack", stack_name)

    def stack_outputs(self, stack_name: str) -> auto.OutputMap:
        """Return the outputs of the last `up`, empty before the first."""
        found = json.loads(self._ask("output", "--json", "--show-secrets", "--stack", stack_name))
        return {key: auto.OutputValue(value, secret=True) for key, value in found.items()}

    def _ask(self, *arguments: str) -> str:
        return self.pulumi_command.run(["stack", *arguments], self.work_dir, self.env_vars).stdout


def workspace(toolchain: Toolchain | None = None, *, stack: str = "") -> Workspace:
    """Return the workspace, with the passphrase of that stack."""
    toolchain = toolchain or ensure(ENGINE_GROUPS)
    return Workspace(
        work_dir=str(ROOT),
        env_vars=engine_environment(toolchain, stack=stack),
        pulumi_command=_command(str(toolchain.root)),
    )


@cache
def _command(root: str) -> auto.PulumiCommand:
    """Ask the program for its version, once."""
    return auto.PulumiCommand(root)
