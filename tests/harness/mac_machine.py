"""A machine that a checkout takes for a Mac: Pulumi and its provider are installed, and nothing is in the toolchain's cache."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from tools.localcluster.toolchain import ensure
from tools.localcluster.toolchain.layout import plugin_folder
from tools.platform.pulumi.environment import ENGINE_GROUPS

MAC = Path(__file__).with_name("mac")
"""On PYTHONPATH, this folder lets a Python program run as on a Mac."""
SYSTEM = ("/usr/bin", "/bin")


@dataclass(frozen=True, slots=True)
class Mac:
    """The machine; what it installed is in `folder`."""

    folder: Path

    def install(self) -> None:
        """Put the programs of the engine on its PATH, and the provider where `pulumi plugin install` puts it."""
        toolchain = ensure(ENGINE_GROUPS)
        for program in toolchain.bin.glob("pulumi*"):
            self._link(program, self.folder / "bin")
        for program in toolchain.plugins.iterdir():
            self._link(program, plugin_folder(self.folder / "home" / ".pulumi"))

    def _link(self, program: Path, into: Path) -> None:
        into.mkdir(parents=True, exist_ok=True)
        (into / program.name).symlink_to(program.resolve())

    def variables(self, source_folders: str) -> dict[str, str]:
        """Return the environment of a command that imports from these folders; there is no Go, and no program of the toolchain."""
        path = (str(self.folder / "bin"), str(Path(sys.executable).parent), *SYSTEM)
        return {
            "PATH": os.pathsep.join(path),
            "HOME": str(self.folder / "home"),
            "NOTIFICATION_PLATFORM_CACHE": str(self.folder / "cache"),
            "PYTHONPATH": os.pathsep.join((str(MAC), source_folders)),
            "MAC_LOG": str(self.log),
        }

    @property
    def log(self) -> Path:
        """Names each use of what a Mac does not have."""
        return self.folder / "linux-only.log"
