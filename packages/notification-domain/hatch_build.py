"""Divides the files of `notification_operator` between two wheels.

`notification-domain` contains the domain, the channels, which `notif render` loads by their names, and what these, the command line and
its client import; `notification-operator` the rest. Of the gateway, `notification-domain` contains what they import: the mapping, which
`notif source test` runs.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SOURCE: Final = Path(__file__).resolve().parents[2] / "operator"
DOMAIN: Final = "notification-domain"
DIVIDED: Final = "notification_operator"
GATEWAY: Final = "notification_gateway"
USERS: Final = (
    "notification_cli",
    "notification_client",
    f"{DIVIDED}/domain",
    f"{DIVIDED}/channels",
)
WITHOUT_SERVICE: Final = {SOURCE / DIVIDED / "channels" / f"{name}.py" for name in ("console", "file", "log")}
"""Channels that write in the pod: `notif render` shows nothing of them."""


class DividedFiles(BuildHookInterface):  # type: ignore[misc]  # hatchling is no dependency of the repository
    """Adds the files of one of the two wheels."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - hatchling's signature
        build_data["force_include"].update(
            {str(file): target for target, file in files(self.metadata.name).items()}
        )


def files(name: str) -> Mapping[str, Path]:
    """Return the files of a wheel by their path in it."""
    domain = _imported_modules()
    return {
        file.relative_to(SOURCE).as_posix(): file
        for package in ((DIVIDED, GATEWAY) if name == DOMAIN else (DIVIDED,))
        for file in sorted((SOURCE / package).rglob("*"))
        if file.is_file() and "__pycache__" not in file.parts
        if (_owner(file) in domain) == (name == DOMAIN)
    }


def _owner(file: Path) -> Path:
    """Return the module that a file is, or for data the package that it lies in."""
    if file.suffix == ".py":
        return file
    return next(each / "__init__.py" for each in file.parents if (each / "__init__.py").exists())


def _imported_modules() -> set[Path]:
    """Return the modules of the users, and what they import when they run, directly and indirectly."""
    found = {file for user in USERS for file in (SOURCE / user).rglob("*.py")} - WITHOUT_SERVICE
    waiting = set(found)
    while waiting:
        waiting = {module for file in waiting for module in _imports(file)} - found
        found |= waiting
    return found


def _imports(file: Path) -> Iterator[Path]:
    """Yield the modules of the divided packages that a module imports, with the packages that they lie in."""
    tree = ast.parse(file.read_text("utf-8"))
    guarded = {
        id(node)
        for branch in ast.walk(tree)
        if isinstance(branch, ast.If) and "TYPE_CHECKING" in ast.unparse(branch.test)
        for node in ast.walk(branch)
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Import | ast.ImportFrom) or id(node) in guarded:
            continue
        names = [each.name for each in node.names]
        if isinstance(node, ast.ImportFrom):
            names = [node.module or "", *(f"{node.module}.{name}" for name in names)]
        for parts in (name.split(".") for name in names):
            if parts[0] in {DIVIDED, GATEWAY}:
                for length in range(1, len(parts) + 1):
                    path = SOURCE.joinpath(*parts[:length])
                    yield from filter(Path.is_file, (path.with_suffix(".py"), path / "__init__.py"))
