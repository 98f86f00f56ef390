"""Write the objects of a stack as YAML, for `kubectl apply`, Kustomize and tools that deploy from Git."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads it
from typing import Annotated

import typer

from platform_infra.settings.sections.monitoring import MonitoringMode
from tools.platform.command_group import Stack  # noqa: TC001 - typer reads it
from tools.platform.console import err, out
from tools.platform.errors import PlatformError
from tools.platform.export.files import Format, contents, write
from tools.platform.export.objects import exported, refusals
from tools.platform.preflight.rights import registered_objects
from tools.platform.pulumi.stack import resolved_settings
from tools.platform.pulumi.stack_file import check_name


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

    Each object has a file, those of the CRDs are in crds/, and one file installs them all. No cluster is asked, and the settings that select one are ignored. Values of Secrets are refused: name existing Secrets.
    The same settings give the same bytes.

    Examples: `export prod --to manifests`, `export prod --to manifests --format kustomize`.
    """
    check_name(stack)
    settings = resolved_settings(stack)
    if problems := list(refusals(settings)):
        listed = "\n".join(f"  - {each}" for each in problems)
        raise PlatformError(f"the stack {stack} cannot be exported:\n{listed}")
    if settings.operator.enabled and settings.monitoring.mode == MonitoringMode.AUTO:
        err.print(
            "monitoringMode is auto, and no cluster is asked: the pods get annotations; set it to crds for PodMonitors"
        )
    registered = [each.document for each in registered_objects(stack)]
    documents = exported(registered, replicas_managed=settings.operator.replicas_managed)
    write(to, contents(documents, form))
    out.print(f"{to}: {len(documents)} objects of {stack}")
