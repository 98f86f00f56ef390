"""The objects that the program of a stack registers, from a preview without its state and without changes in its cluster."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pulumi import automation as auto

from tools.platform.preflight.objects import PlannedObject
from tools.platform.pulumi.engine import Engine, workspace_of
from tools.platform.pulumi.environment import LOCAL_PASSPHRASE, ROOT
from tools.platform.pulumi.events import EventLog

if TYPE_CHECKING:
    from pulumi.automation import EngineEvent

    from platform_infra.cluster.kubeconfig import SingleContext
    from platform_infra.settings.model import Settings

PROGRAM = Path(__file__).with_name("program")
PREFIX = "kubernetes:"
SECRET_FIELDS = ("data", "stringData")


@dataclass(frozen=True, slots=True)
class _Collector:
    """Collects the objects of the cluster from the events of a preview, in the order of their registration."""

    objects: list[PlannedObject]
    log: EventLog

    def on_event(self, event: EngineEvent) -> None:
        self.log.on_event(event)
        step = event.resource_pre_event.metadata if event.resource_pre_event else None
        if step is None or not step.type.startswith(PREFIX) or step.new is None:
            return
        self.objects.append(PlannedObject(document=_document(step.new.inputs)))


def planned_objects(stack: str, settings: Settings, single: SingleContext) -> list[PlannedObject]:
    """Return what the program would register for a stack's file; values that are encrypted in it are not known.

    `settings` are those of the file. A namespace of others, which the program reads, comes first.

    Raises:
        EngineError: the program fails, for instance because the settings are invalid.
    """
    with tempfile.TemporaryDirectory(prefix="preflight-") as folder:
        scratch = Path(folder)
        # The engine writes the stack's file next to its project.
        program = shutil.copytree(PROGRAM, scratch / "program")
        kubeconfig = scratch / "kubeconfig"
        kubeconfig.touch(mode=0o600)
        kubeconfig.write_text(single.text(), "utf-8")
        variables = _variables(scratch, kubeconfig, single.context)
        place = workspace_of(Engine.for_stack(), folder=str(program), **variables)
        collector = _Collector([], EventLog())
        with collector.log.operation():
            auto.Stack.create(stack, place).preview(
                on_event=collector.on_event, color="never", suppress_progress=True
            )
        home = settings.operator.namespace
        return [*([] if settings.namespace.managed else [_read_namespace(home)]), *collector.objects]


def _variables(scratch: Path, kubeconfig: Path, context: str) -> dict[str, str]:
    return {
        "PULUMI_BACKEND_URL": f"file://{scratch}",
        "PULUMI_CONFIG_PASSPHRASE": LOCAL_PASSPHRASE,
        "PYTHONPATH": os.pathsep.join(str(ROOT / part) for part in ("infra", "operator", ".")),
        "PREFLIGHT_KUBECONFIG": str(kubeconfig),
        "PREFLIGHT_CONTEXT": context,
        "PREFLIGHT_SCRATCH": str(scratch / "manifests"),
    }


def _document(inputs: Any) -> dict[str, Any]:  # noqa: ANN401 - the engine's properties
    """Return an object of the Kubernetes API; the engine redacts the content of a Secret."""
    return {key: value for key, value in dict(inputs).items() if key not in SECRET_FIELDS or _is_plain(value)}


def _is_plain(value: Any) -> bool:  # noqa: ANN401 - any property
    return isinstance(value, dict) and all(isinstance(each, str) for each in value.values())


def _read_namespace(name: str) -> PlannedObject:
    document = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    return PlannedObject(document=document, only_read=True)
