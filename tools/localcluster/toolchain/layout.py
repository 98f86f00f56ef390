"""Where the toolchain lies on disk, and the key that names one exact set of pins and recipes.

<cache>/toolchain/parts/<group>-<hash>/      the programs of one group, put there in one rename
<cache>/toolchain/<key>/bin/                 links to all of them
<cache>/toolchain/<key>/pulumi-home/plugins  the provider, where the engine looks for it
"""

from __future__ import annotations

import hashlib
import os
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tools.localcluster.toolchain.errors import ToolchainError
from tools.localcluster.toolchain.pins import GROUPS, PULUMI_KUBERNETES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tools.localcluster.toolchain.group import Group

RECIPES = Path(__file__).parent
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def cache_dir() -> Path:
    """The product's cache: $NOTIFICATION_PLATFORM_CACHE, else below the user's cache directory."""
    if own := os.environ.get("NOTIFICATION_PLATFORM_CACHE"):
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "notification-platform"


def architecture() -> str:
    """The machine's architecture as Go names it.

    Raises:
        ToolchainError: On anything but Linux on amd64 or arm64.
    """
    system, machine = platform.system(), platform.machine()
    if system != "Linux" or machine not in _ARCHITECTURES:
        raise ToolchainError(
            f"the local toolchain is for Linux on {' or '.join(_ARCHITECTURES)}, this is {system} on {machine}: "
            "use a Linux virtual machine, or your own pulumi and an existing cluster"
        )
    return _ARCHITECTURES[machine]


def group_hash(group: Group) -> str:
    """Changes when a pin or a recipe file of this group changes, and only then."""
    digest = hashlib.sha256(repr(group).encode())
    digest.update(architecture().encode())
    if group.package:
        digest.update(repr(group.package).encode())
    for folder in sorted({step.folder for step in group.steps}):
        for file in sorted((RECIPES / folder).iterdir()):
            digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:12]


def toolchain_key(groups: Iterable[Group] = GROUPS) -> str:
    """One name for this exact set of groups; optional ones do not count, they are put beside the others."""
    joined = ",".join(f"{group.name}-{group_hash(group)}" for group in groups if not group.optional)
    return hashlib.sha256(joined.encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True, kw_only=True)
class Toolchain:
    """A complete toolchain on disk: `root` holds bin/ and pulumi-home/."""

    root: Path

    @property
    def bin(self) -> Path:
        """The folder with every program."""
        return self.root / "bin"

    @property
    def pulumi_home(self) -> Path:
        """What PULUMI_HOME must be, so that the engine finds the provider."""
        return self.root / "pulumi-home"

    @property
    def plugins(self) -> Path:
        """The folder of the Kubernetes provider, named as the engine expects it."""
        return self.pulumi_home / "plugins" / f"resource-kubernetes-v{PULUMI_KUBERNETES}"

    def program(self, name: str) -> Path:
        """The path of one program in bin/."""
        return self.bin / name

    def place(self, group: Group) -> Path:
        """The folder in which the programs of this group are linked."""
        return self.plugins if group.plugin else self.bin

    def env(self) -> dict[str, str]:
        """The variables to run these programs with, over those of the caller: PATH is prefixed."""
        return {
            "PATH": f"{self.bin}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "PULUMI_HOME": str(self.pulumi_home),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
        }

    def is_complete(self, groups: Iterable[Group]) -> bool:
        """Whether every program of these groups is there and may be run."""
        return all(
            os.access(self.place(group) / program, os.X_OK) for group in groups for program in group.programs
        )
