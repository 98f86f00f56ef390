"""Build the wheels of packages/: the kit, the contract, the operator, the command line, the Pulumi component and the policies."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads the annotation
from typing import Annotated

import typer

from tools.platform.console import out
from tools.platform.errors import PlatformError
from tools.platform.processes import run
from tools.platform.pulumi.environment import ROOT

PACKAGES = ROOT / "packages"
SECONDS = 300.0

app = typer.Typer(add_completion=False)


@app.command()
def wheels(
    folder: Annotated[Path, typer.Option("--out", help="The folder to write to.")] = ROOT / "dist",
) -> None:
    """Build a wheel of each folder in packages/, and print their names."""
    for package in sorted(file.parent for file in PACKAGES.glob("*/pyproject.toml")):
        build(package, folder)
    for wheel in sorted(folder.glob("*.whl")):
        out.print(wheel)


def build(package: Path, folder: Path) -> None:
    """Build the wheel of one package.

    Raises:
        PlatformError: it cannot be built.
    """
    command = ("uv", "build", "--quiet", "--wheel", "--out-dir", str(folder), str(package))
    if run(command, variables={}, cwd=package, limit=SECONDS):
        raise PlatformError(
            f"the wheel of packages/{package.name} was not built",
            hint="see the output above; the package index must serve hatchling",
        )
