"""A group of programs that are released, built and replaced together, and the sources of each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class ToolchainError(Exception):
    """A program is not available; the message names it and the next step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """A file of an official release, checked against its SHA-256 in checksums.txt.

    `url` and `checksum_url` may contain {arch} (amd64, arm64) and {pulumi_arch} (x64, arm64). `checksum_url` is where the
    release publishes the checksum, from which a maintainer updates checksums.txt.
    `members` maps a program to its path inside the archive; the path is "" if the file is the program itself.
    """

    url: str
    checksum_url: str
    members: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleFiles:
    """Files of a module; `sum` is the module's hash in Go's checksum database.

    `files` maps a target to the path of a file or folder in the module. `documents` does the same for JSON documents, which
    are compacted; `values` maps the target of a document to values that are set in it.
    """

    module: str
    version: str
    sum: str
    files: Mapping[str, str] = field(default_factory=dict)
    documents: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """A `go build` in the module `tools/localcluster/toolchain/<folder>`, together with all other groups of that folder.

    `packages` maps a program to its package; programs of one package are links to one file. `variables` are set by the linker.
    """

    folder: str
    packages: Mapping[str, str]
    variables: Mapping[str, str] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    sources: tuple[ModuleFiles, ...] = ()
    """Files that the folder needs in addition to its own, at the targets that they name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """Scripts that are programs as they are."""

    source: ModuleFiles


Step = Build | Copied


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A Debian package that contains the group's programs; `files` maps a program to its path in the package.

    `version` is the prefix of the package's version; the rest is Debian's revision.
    """

    name: str
    version: str
    files: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Programs that are released, built and replaced together.

    `seconds` is the processor time of a build together with all other groups and an empty cache, on the machine that
    plan.py describes; a package that several groups need counts for one of them.
    `version_arguments` maps a program to the arguments that print its version. A program without an entry is used if it
    is in the folder of the group's first program; a group without any entry is never used from PATH.
    """

    name: str
    version: str
    programs: tuple[str, ...]
    steps: tuple[Step, ...]
    seconds: float = field(repr=False)
    assets: tuple[Asset, ...] = ()
    version_arguments: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    newer_is_fine: bool = False
    plugin: bool = False
    # Not part of the representation, because that determines the name of a group in the cache; nor is `seconds`.
    optional: bool = field(default=False, repr=False)
    """Whether the group is provided only on request, by its name."""
    package: Package | None = field(default=None, repr=False)
    """The source of the programs instead of a build, if a build takes far longer."""
