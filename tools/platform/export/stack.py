"""The objects of a stack as files."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads it

from platform_infra.settings.sections.monitoring import MonitoringMode
from tools.platform.console import err, out
from tools.platform.errors import PlatformError
from tools.platform.export.files import Format, contents, write
from tools.platform.export.objects import exported, refusals
from tools.platform.preflight.rights import registered_objects
from tools.platform.pulumi.stack import encrypted_settings, resolved_settings
from tools.platform.pulumi.stack_file import check_name


def write_stack(stack: str, to: Path, form: Format) -> None:
    check_name(stack)
    settings = resolved_settings(stack, asks_cluster=False)
    if problems := refusals(settings, encrypted_settings(stack)):
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
