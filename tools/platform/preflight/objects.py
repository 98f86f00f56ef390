"""The objects that a program registers, from a preview of it, and what their pods refer to and the program does not create."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tools.platform.pulumi.engine import offline_stack
from tools.platform.pulumi.events import EventLog

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pulumi.automation import EngineEvent

    from platform_infra.cluster.kubeconfig import SingleContext
    from platform_infra.settings.model import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedObject:
    """An object in the form of the Kubernetes API; `only_read` if it belongs to others."""

    document: Mapping[str, Any]
    only_read: bool = False

    @property
    def api_version(self) -> str:
        return str(self.document["apiVersion"])

    @property
    def group(self) -> str:
        return self.api_version.rpartition("/")[0]

    @property
    def kind(self) -> str:
        return str(self.document["kind"])

    @property
    def name(self) -> str:
        return str(self.document["metadata"]["name"])

    @property
    def namespace(self) -> str:
        return str(self.document["metadata"].get("namespace") or "")

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Reference:
    """An object of others, and its key that is read; empty for all keys."""

    kind: str
    namespace: str
    name: str
    key: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


def references(objects: Sequence[PlannedObject]) -> list[Reference]:
    created = {(each.kind, each.namespace, each.name) for each in objects}
    found = {reference for each in objects for reference in _of_pods(each)}
    return sorted(each for each in found if (each.kind, each.namespace, each.name) not in created)


def pod_template(document: Mapping[str, Any]) -> Mapping[str, Any] | None:
    spec = document.get("spec") or {}
    if document["kind"] == "CronJob":
        spec = spec["jobTemplate"]["spec"]
    return spec["template"] if document["kind"] in {"Deployment", "CronJob"} else None


def _of_pods(each: PlannedObject) -> Iterator[Reference]:
    template = pod_template(each.document)
    if template is None:
        return
    pod, home = template["spec"], each.namespace
    for secret in pod.get("imagePullSecrets") or ():
        yield Reference(kind="Secret", namespace=home, name=secret["name"])
    for container in pod["containers"]:
        for variable in container.get("env") or ():
            source = variable.get("valueFrom") or {}
            yield from _keyed(home, "Secret", source.get("secretKeyRef"))
            yield from _keyed(home, "ConfigMap", source.get("configMapKeyRef"))
    for volume in pod.get("volumes") or ():
        yield from _of_volume(home, volume)


def _of_volume(home: str, volume: Mapping[str, Any]) -> Iterator[Reference]:
    for source in (volume, *((volume.get("projected") or {}).get("sources") or ())):
        yield from _items(home, "Secret", source.get("secret"))
        yield from _items(home, "ConfigMap", source.get("configMap"))
    if claim := volume.get("persistentVolumeClaim"):
        yield Reference(kind="PersistentVolumeClaim", namespace=home, name=claim["claimName"])


def _keyed(home: str, kind: str, source: Mapping[str, Any] | None) -> Iterator[Reference]:
    if source and not source.get("optional"):
        yield Reference(kind=kind, namespace=home, name=source["name"], key=source["key"])


def _items(home: str, kind: str, source: Mapping[str, Any] | None) -> Iterator[Reference]:
    """Yield the reference of a volume; a volume names its Secret otherwise than a projected one."""
    if source is None or source.get("optional"):
        return
    name = str(source.get("secretName") or source.get("name"))
    keys: Iterable[str] = [item["key"] for item in source.get("items") or ()] or [""]
    for key in keys:
        yield Reference(kind=kind, namespace=home, name=name, key=key)


PREFIX = "kubernetes:"
SECRET_FIELDS = ("data", "stringData")


def planned_objects(stack: str, settings: Settings, single: SingleContext) -> list[PlannedObject]:
    """Return what the program would register for a stack's file; values that are encrypted in it are not known.

    `settings` are those of the file. A namespace of others, which the program reads, comes first.
    """
    log, objects = EventLog(), []

    def collect(event: EngineEvent) -> None:
        log.on_event(event)
        step = event.resource_pre_event.metadata if event.resource_pre_event else None
        if step and step.new and step.type.startswith(PREFIX):
            objects.append(PlannedObject(document=_document(step.new.inputs)))

    if not settings.namespace.managed:
        home = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": settings.operator.namespace}}
        objects.append(PlannedObject(document=home, only_read=True))
    with (
        offline_stack(stack, kubeconfig=single.text(), context=single.context) as offline,
        log.operation(),
    ):
        offline.preview(on_event=collect, color="never", suppress_progress=True)
    return objects


def _document(inputs: Any) -> dict[str, Any]:  # noqa: ANN401 - the engine's properties
    """Return an object of the Kubernetes API; the engine redacts the content of a Secret."""
    return {key: value for key, value in dict(inputs).items() if key not in SECRET_FIELDS or _is_plain(value)}


def _is_plain(value: Any) -> bool:  # noqa: ANN401 - any property
    return isinstance(value, dict) and all(isinstance(each, str) for each in value.values())
