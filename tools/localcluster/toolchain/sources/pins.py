"""The groups of programs that are released, built and replaced together, and the sources of each, as pins.toml has them."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


class ToolchainError(Exception):
    """A program is not available; the message names it and the next step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """A file of an official release, checked against its SHA-256 in checksums.txt.

    `url` and `checksum_url` may contain {os} (linux, darwin), {arch} (amd64, arm64) and {pulumi_arch} (x64, arm64). `checksum_url` is where the
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
    portable: bool = field(default=False, repr=False)
    """Whether the programs also run on systems other than Linux; the others are those of the local node."""
    optional: bool = field(default=False, repr=False)
    """Whether the group is provided only on request, by its name."""
    package: Package | None = field(default=None, repr=False)
    """The source of the programs instead of a build, if a build takes far longer."""


_PINS = tomllib.loads(Path(__file__).with_name("pins.toml").read_text("utf-8"))
GO_MINIMUM: tuple[int, ...] = tuple(_PINS["go_minimum"])
_TAGS: tuple[str, ...] = tuple(_PINS["tags"])


def _group(pin: dict[str, Any]) -> Group:
    version = str(pin["version"])
    parts = dict(zip(("{version}", "{major}", "{minor}"), (version, *version.split(".")), strict=False))
    filled = _filled(pin, parts)
    if package := filled.pop("package", None):
        filled["package"] = Package(**package)
    assets = tuple(Asset(**each) for each in filled.pop("assets", ()))
    steps = tuple(map(_step, filled.pop("steps", ())))
    return Group(assets=assets, steps=steps, **filled)


def _step(pin: dict[str, Any]) -> Build | Copied:
    if "source" in pin:
        return Copied(source=ModuleFiles(**pin["source"]))
    tags = _TAGS if pin.pop("tagged", False) else ()
    sources = tuple(ModuleFiles(**each) for each in pin.pop("sources", ()))
    return Build(tags=tags, sources=sources, **pin)


def _filled(value: Any, parts: dict[str, str]) -> Any:  # noqa: ANN401 - any value of a TOML document
    """Return a value with the parts of a version in its strings, and tuples in the place of lists."""
    match value:
        case str():
            for name, part in parts.items():
                value = value.replace(name, part)
            return value
        case list():
            return tuple(_filled(each, parts) for each in value)
        case dict():
            return {_filled(key, parts): _filled(each, parts) for key, each in value.items()}
        case _:
            return value


GROUPS: tuple[Group, ...] = tuple(map(_group, _PINS["groups"]))


def version_of(name: str) -> str:
    return next(group.version for group in GROUPS if group.name == name)
