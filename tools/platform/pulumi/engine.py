"""The Pulumi engine as a program: the one place that builds its command line and its environment."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from tools.localcluster.toolchain import ensure
from tools.platform.pulumi.environment import (
    ENGINE_GROUPS,
    ROOT,
    STATE_FOLDER,
    backend_folder,
    engine_environment,
    secure_folder,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tools.localcluster.toolchain import Toolchain


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """The engine of a toolchain, with the passphrase of one stack."""

    toolchain: Toolchain
    stack: str = ""

    @classmethod
    def for_stack(cls, stack: str = "", toolchain: Toolchain | None = None) -> Engine:
        """Return the engine, which is downloaded or built first where it is missing.

        Raises:
            ToolchainError: the engine is not available.
        """
        if backend_folder() == STATE_FOLDER:
            # The engine would create it with the umask's permissions.
            secure_folder(STATE_FOLDER)
        return cls(toolchain=toolchain or ensure(ENGINE_GROUPS), stack=stack)

    @property
    def variables(self) -> dict[str, str]:
        """The variables to set for the engine, over those of this process."""
        return engine_environment(self.toolchain, stack=self.stack)

    def command(self, arguments: Sequence[str]) -> list[str]:
        """Return a command line that runs in this checkout."""
        return [str(self.toolchain.program("pulumi")), "-C", str(ROOT), *arguments]

    def replace_process(self, arguments: Sequence[str]) -> NoReturn:
        """Replace this process with the engine."""
        command = self.command(arguments)
        os.execve(command[0], command, {**os.environ, **self.variables})  # noqa: S606 - no shell is wanted
