"""The objects that the program of a stack registers, from a preview without its state and without changes in its cluster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tools.platform.preflight.objects import PlannedObject
from tools.platform.pulumi.events import EventLog
from tools.platform.pulumi.offline import offline_stack

if TYPE_CHECKING:
    from pulumi.automation import EngineEvent

    from platform_infra.cluster.kubeconfig import SingleContext
    from platform_infra.settings.model import Settings

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
    collector = _Collector([], EventLog())
    with (
        offline_stack(stack, kubeconfig=single.text(), context=single.context) as offline,
        collector.log.operation(),
    ):
        offline.preview(on_event=collector.on_event, color="never", suppress_progress=True)
    home = settings.operator.namespace
    return [*([] if settings.namespace.managed else [_read_namespace(home)]), *collector.objects]


def _document(inputs: Any) -> dict[str, Any]:  # noqa: ANN401 - the engine's properties
    """Return an object of the Kubernetes API; the engine redacts the content of a Secret."""
    return {key: value for key, value in dict(inputs).items() if key not in SECRET_FIELDS or _is_plain(value)}


def _is_plain(value: Any) -> bool:  # noqa: ANN401 - any property
    return isinstance(value, dict) and all(isinstance(each, str) for each in value.values())


def _read_namespace(name: str) -> PlannedObject:
    document = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    return PlannedObject(document=document, only_read=True)
