"""Rules over pods, wherever their specification stands: restricted security, limits, images by digest. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Properties = Mapping[str, Any]

TEMPLATES = frozenset({"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job"})
"""Kinds that hold a pod's specification in a template."""
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
"""Kinds of volumes that the restricted standard allows."""
PROFILES = frozenset({"RuntimeDefault", "Localhost"})
ADDABLE = frozenset({"NET_BIND_SERVICE"})
DIGEST = re.compile(r"@sha256:[0-9a-f]{64}$")


def pod_of(kind: str, properties: Properties) -> Properties | None:
    """Return the specification of the pods that a resource makes, or None."""
    spec: Properties = properties.get("spec") or {}
    if kind == "Pod":
        return spec
    if kind == "CronJob":
        spec = (spec.get("jobTemplate") or {}).get("spec") or {}
    elif kind not in TEMPLATES:
        return None
    return (spec.get("template") or {}).get("spec") or {}


def containers_of(pod: Properties) -> list[Properties]:
    """Return every container of a pod, those for its start and for debugging too."""
    kinds = ("initContainers", "containers", "ephemeralContainers")
    return [container for kind in kinds for container in pod.get(kind) or ()]


def restricted_pod_security(kind: str, properties: Properties) -> Iterator[str]:
    """Yield what keeps a pod from the restricted pod security standard."""
    pod = pod_of(kind, properties)
    if pod is None:
        return
    yield from (f"{word} is true; leave it out" for word in HOST if pod.get(word))
    for volume in pod.get("volumes") or ():
        for source in volume.keys() - VOLUMES - {"name"}:
            yield f"the volume {volume.get('name')} is a {source}; take a claim or an emptyDir"
    shared = pod.get("securityContext") or {}
    for container in containers_of(pod):
        for reason in _container(container, shared):
            yield f"container {container.get('name')}: {reason}"


def _container(container: Properties, shared: Properties) -> Iterator[str]:
    own = container.get("securityContext") or {}
    if own.get("privileged"):
        yield "it is privileged; leave that out"
    if own.get("allowPrivilegeEscalation") is not False:
        yield "allowPrivilegeEscalation is not false; set it to false"
    if own.get("runAsNonRoot", shared.get("runAsNonRoot")) is not True:
        yield "runAsNonRoot is not true; set it for the pod"
    if own.get("runAsUser", shared.get("runAsUser")) == 0:
        yield "it runs as user 0; give it another one"
    profile = own.get("seccompProfile") or shared.get("seccompProfile") or {}
    if profile.get("type") not in PROFILES:
        yield "there is no seccomp profile; set RuntimeDefault for the pod"
    yield from _capabilities(own.get("capabilities") or {})
    if any(port.get("hostPort") for port in container.get("ports") or ()):
        yield "it takes a port of its host; publish it through a Service"


def _capabilities(capabilities: Properties) -> Iterator[str]:
    if "ALL" not in (capabilities.get("drop") or ()):
        yield "it keeps capabilities; drop ALL"
    added = sorted(set(capabilities.get("add") or ()) - ADDABLE)
    if added:
        yield f"it adds the capabilities {', '.join(added)}; leave them out"


def limits_set(kind: str, properties: Properties) -> Iterator[str]:
    """Yield each container that reserves nothing, or may take all memory of its node.

    A CPU limit is not asked for: it slows a pod down and protects no other one.
    """
    for container in containers_of(pod_of(kind, properties) or {}):
        resources = container.get("resources") or {}
        for part, words in (("requests", ("cpu", "memory")), ("limits", ("memory",))):
            for word in words:
                if not (resources.get(part) or {}).get(word):
                    yield f"container {container.get('name')}: resources.{part}.{word} is not set; set it"


def image_by_digest(kind: str, properties: Properties) -> Iterator[str]:
    """Yield each container whose image may be another one tomorrow."""
    for container in containers_of(pod_of(kind, properties) or {}):
        image = str(container.get("image") or "")
        if not DIGEST.search(image):
            yield f"container {container.get('name')}: the image {image!r} has no digest; name it by @sha256:…"


def selected(labels: Mapping[str, str], selector: Properties) -> bool:
    """Tell whether a selector chooses what has these labels; expressions are taken to choose nothing."""
    wanted: Mapping[str, str] = selector.get("matchLabels") or {}
    expressions: Sequence[Any] = selector.get("matchExpressions") or ()
    return bool(wanted) and not expressions and wanted.items() <= labels.items()
