"""A group of programs: what is released, built and replaced together, and each way to get it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """One file of an official release, checked against the SHA-256 published beside it.

    `url` and `checksum_url` may hold {arch} (amd64, arm64) and {pulumi_arch} (x64, arm64).
    `members` maps a program to its path inside the archive; a single program without an archive has the path "".
    """

    url: str
    checksum_url: str
    members: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """One `go build` in the module `tools/localcluster/toolchain/<folder>`; `packages` maps a program to its package."""

    folder: str
    packages: Mapping[str, str]
    variables: Mapping[str, str]
    tags: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """Scripts that lie inside a module which `folder` pins; `files` maps a program to its path there."""

    folder: str
    module: str
    files: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Generated:
    """A module built from its own source after `go run generate.go`, under the go.mod and go.sum of `folder`.

    `sum` is the module's hash as Go's checksum database has it.
    """

    folder: str
    module: str
    module_version: str
    sum: str
    package: str
    program: str
    variables: Mapping[str, str]
    environment: Mapping[str, str]


Step = Build | Copied | Generated


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A package of Debian's that holds the group's programs; `files` maps a program to its path there.

    `version` is what its version begins with: what follows are Debian's own corrections.
    """

    name: str
    version: str
    files: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Programs that are released, built and replaced together.

    `seconds` is the time of a cold build on two cores: it orders the builds and tells a person what to expect.
    `version_arguments` maps a program to what makes it print its version. A program of the group without an entry is
    taken from the folder of the first one; a group without any entry is not looked for on PATH.
    """

    name: str
    version: str
    programs: tuple[str, ...]
    steps: tuple[Step, ...]
    seconds: int
    assets: tuple[Asset, ...] = ()
    version_arguments: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    newer_is_fine: bool = False
    plugin: bool = False
    # Left out of the representation, which names the parts in the cache.
    optional: bool = field(default=False, repr=False)
    """Whether it is brought only when it is asked for by name."""
    package: Package | None = field(default=None, repr=False)
    """Where the programs come from instead of a build, since building them takes far longer."""
