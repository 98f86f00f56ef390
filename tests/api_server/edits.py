"""One change by hand per type of object that the platform makes, and the fields that it changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

LABEL: Final = "app.kubernetes.io/component"


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """A merge patch of an object; `fields` are the paths that `drift` has to name."""

    resource: str
    """The name of its resource in the stack."""
    patch: dict[str, Any]
    fields: tuple[str, ...]


def _labelled(resource: str) -> Edit:
    """Return an edit of an object that has little more than labels, or whose specification cannot be changed."""
    return Edit(
        resource=resource,
        patch={"metadata": {"labels": {LABEL: "other"}}},
        fields=(f'metadata.labels["{LABEL}"]',),
    )


def _field(resource: str, path: str, value: object, *fields: str) -> Edit:
    """Return an edit of one field of the specification, or of another part where the path says so."""
    patch: Any = value
    for name in reversed(path.split(".")):
        patch = {name: patch}
    return Edit(resource=resource, patch=patch, fields=fields or (path,))


ENFORCED: Final = "pod-security.kubernetes.io/enforce"
EDITS: Final[dict[str, Edit]] = {
    "Namespace": Edit(
        resource="platform-previews-namespace",
        patch={"metadata": {"labels": {ENFORCED: "privileged"}}},
        fields=(f'metadata.labels["{ENFORCED}"]',),
    ),
    "ServiceAccount": _labelled("platform-drills-drill"),
    "ConfigMap": Edit(
        resource="platform-routing",
        patch={"data": {"routing.yaml": "route: {}"}},
        fields=('data["routing.yaml"]',),
    ),
    "Secret": _field(
        "platform-operator-slack", "stringData.webhook-url", "http://another", "data.webhook-url"
    ),
    "Service": Edit(
        resource="platform-operator-metrics",
        patch={"spec": {"selector": {"app.kubernetes.io/name": "other"}}},
        fields=('spec.selector["app.kubernetes.io/name"]',),
    ),
    "PersistentVolume": _field(
        "platform-operator-files-directory", "spec.persistentVolumeReclaimPolicy", "Delete"
    ),
    "PersistentVolumeClaim": _labelled("platform-operator-files-claim"),
    "Deployment": _field("platform-operator-deployment", "spec.replicas", 0),
    "CronJob": _field("platform-drills-drill", "spec.schedule", "0 0 * * *"),
    "PodDisruptionBudget": _field("platform-operator-budget", "spec.maxUnavailable", 5),
    "NetworkPolicy": _field("platform-operator-traffic", "spec.ingress", None),
    "Ingress": _field("platform-gateway-ingress", "spec.ingressClassName", "other"),
    "Role": _field("platform-account-own", "rules", []),
    "RoleBinding": _field("platform-account-own", "subjects", None),
    "ClusterRole": _field("platform-user-roles-notifications-viewer", "rules", []),
    "ClusterRoleBinding": _field("platform-account-served", "subjects", None),
    "FlowSchema": _field("platform-priority-leases", "spec.matchingPrecedence", 9999),
    "ValidatingAdmissionPolicy": _field(
        "platform-admission-notification-requests", "spec.failurePolicy", "Ignore"
    ),
    "ValidatingAdmissionPolicyBinding": _field(
        "platform-admission-notification-requests",
        "spec.validationActions",
        ["Warn"],
        "spec.validationActions[0]",
    ),
    "CustomResourceDefinition": _field(
        "platform-crds-notificationreceivers", "spec.names.shortNames", [], "spec.names.shortNames"
    ),
    "NotificationReceiver": _field(
        "platform-receivers-mail", "spec.email.to", ["eve@example.com"], "spec.email.to[0]"
    ),
    "PodMonitor": _field(
        "platform-observability-monitor", "spec.podMetricsEndpoints", [], "spec.podMetricsEndpoints[0]"
    ),
    "PrometheusRule": _field(
        "platform-observability-rules", "spec.groups", [], "spec.groups[0]", "spec.groups[1]"
    ),
}
"""By the kind of the object."""
