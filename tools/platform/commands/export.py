"""Write the objects of a stack as YAML, for `kubectl apply`, Kustomize and tools that deploy from Git."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads it
from typing import Annotated

import typer

from tools.platform.command_group import Stack  # noqa: TC001 - typer reads it
from tools.platform.export.files import Format


def export(
    stack: Stack,
    *,
    to: Annotated[
        Path, typer.Option("--to", metavar="FOLDER", file_okay=False, help="Folder for the files.")
    ],
    form: Annotated[
        Format,
        typer.Option(
            "--format", help="The file that installs everything: install.yaml, or kustomization.yaml."
        ),
    ] = Format.YAML,
) -> None:
    """Write the objects that `up` would create as YAML.

    Each object has a file, those of the CRDs are in crds/, and one file installs them all. No cluster is asked, and the settings that select one are ignored. Values of Secrets and encrypted settings are refused: name existing Secrets.
    The same settings give the same bytes.

    Examples: `export prod --to manifests`, `export prod --to manifests --format kustomize`.
    """
    from tools.platform.export.stack import write_stack  # noqa: PLC0415 - `--help` needs none of it

    write_stack(stack, to, form)
