"""The export of a stack without the engine: what the program registers, as the provider checks it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from platform_infra.cluster import Connection
from tests.kit.recording import record_settings
from tools.platform.export.objects import exported

if TYPE_CHECKING:
    from platform_infra.settings.model import Settings

LEFT_OUT = {
    "PersistentVolume": ("storageClassName",),
    "ValidatingAdmissionPolicy": ("matchConditions", "variables"),
}
"""Fields of a spec that the provider leaves out if they are empty; tests/engine/test_export.py compares with it."""


def recorded_export(
    settings: Settings, *, kubeconfig: str = "", schemas: bool = False
) -> list[dict[str, Any]]:
    """Return the objects of a stack in the order of application; CRDs have their schemas on request only."""
    connection = Connection(kubeconfig=kubeconfig, context="test" if kubeconfig else "")
    recording = record_settings(settings, schemas=schemas, connect=lambda _child: connection)
    registered = [each.inputs for each in recording.registered if each.type.startswith("kubernetes:")]
    documents = exported(registered, replicas_managed=settings.operator.replicas_managed)
    return [_checked(each) for each in documents]


def _checked(document: dict[str, Any]) -> dict[str, Any]:
    names = LEFT_OUT.get(document["kind"], ())
    if not names:
        return document
    spec = {key: value for key, value in document["spec"].items() if value or key not in names}
    return {**document, "spec": spec}
