"""The toolchain's folders in the cache, and the key of an exact set of pins and recipes.

<cache>/toolchain/parts/<group>-<hash>/      the programs of a group, created by one rename
<cache>/toolchain/<key>/bin/                 links to all programs
<cache>/toolchain/<key>/pulumi-home/plugins  the Kubernetes provider, in the folder that the engine searches
"""

from __future__ import annotations

import hashlib
import os
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tools.localcluster.toolchain.sources.pins import GROUPS, Build, ToolchainError, version_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tools.localcluster.toolchain.sources.pins import Group

RECIPES = Path(__file__).parent
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
_SYSTEMS = {"Linux": "linux", "Darwin": "darwin"}


def cache_dir() -> Path:
    """Return the cache folder: $NOTIFICATION_PLATFORM_CACHE, or a folder in the user's cache directory."""
    if own := os.environ.get("NOTIFICATION_PLATFORM_CACHE"):
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "notification-platform"


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A system and an architecture, by their names in Go and in releases."""

    system: str
    architecture: str

    @property
    def key(self) -> str:
        """Distinguishes the programs of machines that share a cache."""
        return self.architecture if self.system == LINUX else f"{self.system}-{self.architecture}"


LINUX = "linux"
RELEASED = tuple(
    Machine(system=system, architecture=architecture)
    for system in _SYSTEMS.values()
    for architecture in dict.fromkeys(_ARCHITECTURES.values())
)
"""The machines that portable groups have releases for."""


def this_machine() -> Machine:
    system, architecture = platform.system(), platform.machine()
    return Machine(
        system=_SYSTEMS.get(system, system.lower()),
        architecture=_ARCHITECTURES.get(architecture, architecture),
    )


def architecture() -> str:
    """Return Go's name of the architecture of a machine that can run a local node.

    Raises:
        ToolchainError: this machine cannot.
    """
    machine = this_machine()
    if machine not in RELEASED or machine.system != LINUX:
        raise ToolchainError(
            f"a local node needs Linux on x86_64 or aarch64; this is {platform.system()} on {platform.machine()}: set clusterKind "
            "to another kind of cluster, such as `kind` or `existing`, or use a Linux virtual machine"
        )
    return machine.architecture


def group_hash(group: Group) -> str:
    digest = hashlib.sha256(repr(group).encode())
    digest.update(this_machine().key.encode())
    if group.package:
        digest.update(repr(group.package).encode())
    for folder in sorted({step.folder for step in group.steps if isinstance(step, Build)}):
        for file in sorted(file for file in (RECIPES / folder).rglob("*") if file.is_file()):
            digest.update(str(file.relative_to(RECIPES)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:12]


def plugin_folder(pulumi_home: Path) -> Path:
    """Return the folder in which the engine searches for the Kubernetes provider; its name contains the version."""
    return pulumi_home / "plugins" / f"resource-kubernetes-v{version_of('pulumi-kubernetes')}"


def part_name(group: Group) -> str:
    return f"{group.name}-{group_hash(group)}"


def toolchain_key(groups: Iterable[Group] = GROUPS) -> str:
    """Return the key of a set of groups; optional groups do not change it."""
    joined = ",".join(f"{group.name}-{group_hash(group)}" for group in groups if not group.optional)
    return hashlib.sha256(joined.encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True, kw_only=True)
class Toolchain:
    """A toolchain on disk: `root` contains bin/ and pulumi-home/."""

    root: Path

    @property
    def bin(self) -> Path:
        return self.root / "bin"

    @property
    def pulumi_home(self) -> Path:
        return self.root / "pulumi-home"

    @property
    def plugins(self) -> Path:
        """The folder of the Kubernetes provider, with the name that the engine expects."""
        return plugin_folder(self.pulumi_home)

    def program(self, name: str) -> Path:
        return self.bin / name

    def place(self, group: Group) -> Path:
        return self.plugins if group.plugin else self.bin

    def env(self) -> dict[str, str]:
        """Return the variables that these programs need in addition to the caller's environment."""
        return {
            "PATH": f"{self.bin}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "PULUMI_HOME": str(self.pulumi_home),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
        }

    def is_complete(self, groups: Iterable[Group]) -> bool:
        return all(self._has(group, program) for group in groups for program in group.programs)

    def _has(self, group: Group, program: str) -> bool:
        """Return whether the program is there; one of an optional group can be that of earlier pins."""
        file = self.place(group) / program
        if not os.access(file, os.X_OK):
            return False
        return not group.optional or (file.is_symlink() and file.readlink().parent.name == part_name(group))
