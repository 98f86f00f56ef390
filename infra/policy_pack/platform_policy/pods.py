"""Rules for pods in every kind of workload: restricted security, resource limits, images by digest. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Properties = Mapping[str, Any]

TEMPLATES = frozenset({"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job"})
"""Kinds with a pod template."""
HOST = ("hostNetwork", "hostPID", "hostIPC")
VOLUMES = frozenset(
    {
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "persistentVolumeClaim",
        "projected",
        "secret",
    }
)
"""Volume types that the restricted standard allows."""
PROFILES = frozenset({"RuntimeDefault", "Localhost"})
ADDABLE = frozenset({"NET_BIND_SERVICE"})
DIGEST = re.compile(r"@sha256:[0-9a-f]{64}$")


def pod_of(kind: str, properties: Properties) -> Properties | None:
    """Return the specification of the resource's pods, or None if it has no pods."""
    if kind == "Pod":
        return properties.get("spec") or {}
    template = _template(kind, properties)
    return None if template is None else template.get("spec") or {}


def pod_annotations(kind: str, properties: Properties) -> Properties:
    """Return the annotations of the pods that the resource creates; those of a pod are its own."""
    metadata = (_template(kind, properties) or {}).get("metadata") or {}
    annotations: Properties = metadata.get("annotations") or {}
    return annotations


def _template(kind: str, properties: Properties) -> Properties | None:
    """Return the pod template, or None if the kind has none."""
    spec: Properties = properties.get("spec") or {}
    if kind == "CronJob":
        spec = (spec.get("jobTemplate") or {}).get("spec") or {}
    elif kind not in TEMPLATES:
        return None
    return spec.get("template") or {}


def containers_of(pod: Properties) -> list[Properties]:
    """Return all containers of a pod, including init and ephemeral containers."""
    kinds = ("initContainers", "containers", "ephemeralContainers")
    return [container for kind in kinds for container in pod.get(kind) or ()]


def restricted_pod_security(kind: str, properties: Properties) -> Iterator[str]:
    """Yield each violation of the restricted pod security standard."""
    pod = pod_of(kind, properties)
    if pod is None:
        return
    yield from (f"{field} is true; remove it" for field in HOST if pod.get(field))
    for volume in pod.get("volumes") or ():
        for source in volume.keys() - VOLUMES - {"name"}:
            yield f"the volume {volume.get('name')} is a {source}; use a persistentVolumeClaim or an emptyDir"
    shared = pod.get("securityContext") or {}
    for container in containers_of(pod):
        for reason in _container(container, shared):
            yield f"container {container.get('name')}: {reason}"


def _container(container: Properties, shared: Properties) -> Iterator[str]:
    own = container.get("securityContext") or {}
    if own.get("privileged"):
        yield "the container is privileged; remove `privileged`"
    if own.get("allowPrivilegeEscalation") is not False:
        yield "allowPrivilegeEscalation is not false; set it to false"
    if own.get("runAsNonRoot", shared.get("runAsNonRoot")) is not True:
        yield "runAsNonRoot is not true; set it to true for the pod"
    if own.get("runAsUser", shared.get("runAsUser")) == 0:
        yield "the container runs as user 0; set another runAsUser"
    profile = own.get("seccompProfile") or shared.get("seccompProfile") or {}
    if profile.get("type") not in PROFILES:
        yield "there is no seccomp profile; set RuntimeDefault for the pod"
    yield from _capabilities(own.get("capabilities") or {})
    if any(port.get("hostPort") for port in container.get("ports") or ()):
        yield "the container uses a host port; publish the port through a Service"


def _capabilities(capabilities: Properties) -> Iterator[str]:
    if "ALL" not in (capabilities.get("drop") or ()):
        yield "capabilities are not dropped; drop ALL"
    added = sorted(set(capabilities.get("add") or ()) - ADDABLE)
    if added:
        yield f"the container adds the capabilities {', '.join(added)}; remove them"


def limits_set(kind: str, properties: Properties) -> Iterator[str]:
    """Yield each missing resource request and each missing memory limit.

    A CPU limit is not required: it throttles the pod and does not protect other pods.
    """
    for container in containers_of(pod_of(kind, properties) or {}):
        resources = container.get("resources") or {}
        for section, names in (("requests", ("cpu", "memory")), ("limits", ("memory",))):
            for name in names:
                if not (resources.get(section) or {}).get(name):
                    yield f"container {container.get('name')}: resources.{section}.{name} is not set; set it"


def image_by_digest(kind: str, properties: Properties) -> Iterator[str]:
    """Yield each container whose image reference is mutable."""
    for container in containers_of(pod_of(kind, properties) or {}):
        image = str(container.get("image") or "")
        if not DIGEST.search(image):
            yield f"container {container.get('name')}: the image {image!r} has no digest; reference it by @sha256:…"


def selected(labels: Mapping[str, str], selector: Properties) -> bool:
    """Return whether a selector matches these labels; a selector with expressions counts as not matching."""
    required: Mapping[str, str] = selector.get("matchLabels") or {}
    expressions: Sequence[Any] = selector.get("matchExpressions") or ()
    return bool(required) and not expressions and required.items() <= labels.items()
