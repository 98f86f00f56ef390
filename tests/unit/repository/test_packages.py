"""The distributions in packages/: one version, and the requirements of what they contain."""

from __future__ import annotations

import ast
import sys
import tomllib
from functools import cache
from importlib.metadata import packages_distributions
from typing import TYPE_CHECKING, Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.unit.type_imports import for_types
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

PACKAGES = sorted(file.parent for file in (ROOT / "packages").glob("*/pyproject.toml"))
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
WHOLE = PYPROJECT["project"]
OURS = {package.name for package in PACKAGES}
INDIRECT = {"aiodns"}
"""Requirements that aiohttp imports if they are there."""
RANGES = {"pulumi-policy": ">=1.21,<2"}
"""The stack of this project pins these; a program of somebody else has versions of its own."""


def description(package: Path) -> dict[str, Any]:
    """Return what a distribution's pyproject.toml says."""
    return tomllib.loads((package / "pyproject.toml").read_text("utf-8"))


@cache
def contents(package: Path) -> dict[str, Path]:
    """Return the files of a wheel by their path in it."""
    wheel = description(package)["tool"]["hatch"]["build"]["targets"]["wheel"]
    files: dict[str, Path] = {}
    for source, target in wheel["force-include"].items():
        folder = (package / source).resolve()
        files |= {
            f"{target}/{file.relative_to(folder).as_posix()}": file
            for file in folder.rglob("*")
            if file.is_file()
        }
    return {path: file for path, file in files.items() if "__pycache__" not in path}


@cache
def owners() -> dict[str, set[str]]:
    """Return the distributions that contain each module of ours, and each package."""
    found: dict[str, set[str]] = {}
    for package in PACKAGES:
        for path in contents(package):
            if path.endswith(".py"):
                module = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
                found.setdefault(module, set()).add(package.name)
    return found


def imported(package: Path) -> Iterator[tuple[str, bool]]:
    """Yield the names of the modules that a wheel imports, and whether only for types."""
    for file in contents(package).values():
        if file.suffix == ".py":
            tree = ast.parse(file.read_text("utf-8"))
            guarded = for_types(tree)
            for node in ast.walk(tree):
                names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
                if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    modules = [f"{node.module}.{each.name}" for each in node.names]
                    names += [node.module, *(module for module in modules if module in owners())]
                yield from ((name, id(node) in guarded) for name in names)


@cache
def installed() -> Mapping[str, Sequence[str]]:
    return packages_distributions()


@cache
def distributions_of(name: str) -> set[str]:
    """Return the distributions that bring a module."""
    top = name.partition(".")[0]
    if top in {module.partition(".")[0] for module in owners()}:
        return owners().get(name, set())
    return {canonicalize_name(each) for each in installed().get(top, [top])}


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_versions_are_those_of_the_project(package: Path) -> None:
    project = description(package)["project"]
    assert (project["name"], project["version"]) == (package.name, WHOLE["version"])
    assert project["requires-python"] == WHOLE["requires-python"]
    siblings = [each for each in project["dependencies"] if Requirement(each).name in OURS]
    assert all(each.endswith(f"=={WHOLE['version']}") for each in siblings)


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_ranges_are_those_of_the_project(package: Path) -> None:
    project = description(package)["project"]
    known = {
        *WHOLE["dependencies"],
        *(each for part in WHOLE["optional-dependencies"].values() for each in part),
        *PYPROJECT["dependency-groups"]["policy"],
    }
    for text in project["dependencies"]:
        requirement = Requirement(text)
        if requirement.name in RANGES:
            assert text == f"{requirement.name}{RANGES[requirement.name]}"
            pinned = next(each for each in known if Requirement(each).name == requirement.name)
            assert requirement.specifier.contains(pinned.partition("==")[2])
        elif requirement.name not in OURS:
            assert text in known


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_requirements_are_what_is_imported(package: Path) -> None:
    project = description(package)["project"]
    required = {canonicalize_name(Requirement(text).name) for text in project["dependencies"]}
    optional = {
        canonicalize_name(Requirement(text).name)
        for part in project.get("optional-dependencies", {}).values()
        for text in part
    }
    needed: set[str] = set()
    for name, guarded in set(imported(package)):
        if name.partition(".")[0] in sys.stdlib_module_names:
            continue
        bringing = distributions_of(name)
        if bringing & optional or package.name in bringing:
            continue
        assert bringing & required or guarded, f"{name} is imported, and no requirement brings it"
        needed |= bringing
    assert required - INDIRECT <= needed


def test_no_two_wheels_contain_the_same_file() -> None:
    paths = [path for package in PACKAGES for path in contents(package)]
    assert len(paths) == len(set(paths))


def test_wheels_have_no_program_of_the_same_name() -> None:
    programs = [name for package in PACKAGES for name in description(package)["project"].get("scripts", ())]
    assert len(programs) == len(set(programs))


def test_each_package_says_that_it_is_typed() -> None:
    paths = {path for package in PACKAGES for path in contents(package)}
    assert {f"{path.partition('/')[0]}/py.typed" for path in paths} <= paths
