"""The distribution of the command line: its version, requirements and files are those of the whole project."""

from __future__ import annotations

import ast
import tomllib
from typing import TYPE_CHECKING, Any

from tests.unit.type_imports import for_types
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PACKAGE = ROOT / "packages" / "notification-cli"
OURS = ("notification_cli", "notification_client", "notification_contract", "notification_operator")


def project(folder: Path) -> dict[str, Any]:
    """Return the project's description."""
    return tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))


def included() -> dict[str, Path]:
    """Return the files that the wheel contains, by their path in it."""
    places = project(PACKAGE)["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    files: dict[str, Path] = {}
    for source, target in places.items():
        path = (PACKAGE / source).resolve()
        for file in path.rglob("*") if path.is_dir() else [path]:
            relative = file.relative_to(path).as_posix() if path.is_dir() else ""
            files[f"{target}/{relative}".rstrip("/")] = file
    return files


def imports(file: Path) -> Iterator[str]:
    """Yield the modules of ours that a module imports when it runs."""
    tree = ast.parse(file.read_text("utf-8"))
    guarded = for_types(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and id(node) not in guarded:
            module = node.module or ""
            names = [module, *(f"{module}.{alias.name}" for alias in node.names)]
            yield from (name for name in names if name.startswith(OURS) and is_module(name))


def is_module(name: str) -> bool:
    """Return whether this is a module of the project, and not what a module defines."""
    path = ROOT / "operator" / name.replace(".", "/")
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


def test_version_and_requirements_are_those_of_the_project() -> None:
    whole, part = project(ROOT)["project"], project(PACKAGE)["project"]
    assert part["version"] == whole["version"]
    # The operator's distribution has no `notif`: it lacks what the page requires.
    assert not part["scripts"].keys() & whole["scripts"].keys()
    assert set(part["dependencies"]) <= {*whole["dependencies"], *whole["optional-dependencies"]["cli"]}


def test_wheel_contains_every_module_that_it_imports() -> None:
    files = included()
    modules = {
        path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for path in files
        if path.endswith(".py")
    }
    needed = {module for path, file in files.items() if path.endswith(".py") for module in imports(file)}
    assert needed <= modules
