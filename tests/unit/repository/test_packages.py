"""The distributions in packages/: one version, and the requirements of what they contain."""

from __future__ import annotations

import ast
import sys
import tomllib
from importlib.metadata import packages_distributions
from typing import TYPE_CHECKING, Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.unit.type_imports import for_types
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PACKAGES = sorted(file.parent for file in (ROOT / "packages").glob("*/pyproject.toml"))
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
WHOLE = PYPROJECT["project"]
OURS = {
    "atomic_status": "atomic-status",
    "notification_contract": "notification-contract",
    "notification_operator": "notification-operator",
    "platform_infra": "notification-platform-pulumi",
    "platform_policy": "notification-platform-policy",
}
INDIRECT = {"aiodns"}
"""Requirements that aiohttp imports if they are there."""
RANGES = {"pulumi": ">=3.259,<4", "pulumi-kubernetes": ">=4.25,<4.29", "pulumi-policy": ">=1.21,<2"}
"""The stack of this project pins these; a program of somebody else has versions of its own."""


def description(package: Path) -> dict[str, Any]:
    """Return what a distribution's pyproject.toml says."""
    return tomllib.loads((package / "pyproject.toml").read_text("utf-8"))


def folders(package: Path) -> Iterator[Path]:
    """Yield what the wheel contains."""
    included = description(package)["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    return ((package / source).resolve() for source in included)


def imported(package: Path) -> Iterator[tuple[str, bool]]:
    """Yield the names of the modules that a wheel imports at the top level, and whether only in functions."""
    for folder in folders(package):
        for file in folder.rglob("*.py"):
            tree = ast.parse(file.read_text("utf-8"))
            guarded = for_types(tree)
            for node in ast.walk(tree):
                names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
                names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                yield from ((name.partition(".")[0], id(node) in guarded) for name in names)


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_versions_are_those_of_the_project(package: Path) -> None:
    project = description(package)["project"]
    assert (project["name"], project["version"]) == (package.name, WHOLE["version"])
    assert project["requires-python"] == WHOLE["requires-python"]
    siblings = [each for each in project["dependencies"] if Requirement(each).name in OURS.values()]
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
        elif requirement.name not in OURS.values():
            assert text in known


@pytest.mark.parametrize(
    "package",
    [package for package in PACKAGES if package.name in OURS.values()],
    ids=lambda package: package.name,
)
def test_requirements_are_what_is_imported(package: Path) -> None:
    project = description(package)["project"]
    required = {canonicalize_name(Requirement(text).name) for text in project["dependencies"]}
    optional = {
        canonicalize_name(Requirement(text).name)
        for part in project.get("optional-dependencies", {}).values()
        for text in part
    }
    own = {folder.name for folder in folders(package)}
    distributions = packages_distributions()
    needed: set[str] = set()
    for name, guarded in set(imported(package)):
        if name in sys.stdlib_module_names or name in own or not name:
            continue
        owners = (
            {OURS[name]} if name in OURS else set(map(canonicalize_name, distributions.get(name, [name])))
        )
        if owners & optional:
            continue
        assert owners & required or guarded, f"{name} is imported, and no requirement brings it"
        needed |= owners
    assert required - INDIRECT <= needed


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_wheels_say_that_they_are_typed(package: Path) -> None:
    assert any((folder / "py.typed").exists() or folder.name == "py.typed" for folder in folders(package))
