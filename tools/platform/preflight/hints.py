"""What to do about an object that a cluster does not permit: the setting that leaves it out, or the owner of the cluster. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from platform_infra import names

if TYPE_CHECKING:
    from tools.platform.preflight.objects import PlannedObject

SETTINGS: Final = {
    "Namespace": "set namespaceManaged to false to use a namespace of others",
    "CustomResourceDefinition": "set crdManaged to false to use the CRDs of others",
    "ClusterRole": "set watchNamespaces for Roles in these namespaces only",
    "ClusterRoleBinding": "set watchNamespaces for Roles in these namespaces only",
    "FlowSchema": "set operatorFlowSchemas to false",
    "ValidatingAdmissionPolicy": "set admissionEnabled to false",
    "ValidatingAdmissionPolicyBinding": "set admissionEnabled to false",
    "PersistentVolume": "set channelsFileVolume to pvc or emptyDir",
    "PodMonitor": "set monitoringMode to annotations or none",
    "PrometheusRule": "set monitoringMode to annotations or none",
    "CronJob": "remove drillSchedule",
}
"""How the stack does without an object, by its kind."""
USER_ROLES: Final = "set crdUserRoles to false, or crdManaged to false to use the CRDs of others"
CRDS_OF_OTHERS: Final = (
    "ask the owner of the cluster to install the CRDs, with a stack that has crdManaged true or with `kubectl apply` "
    "of the files in operator/notification_contract/crds"
)


def setting(each: PlannedObject) -> str:
    """Return how the stack does without an object; empty if it needs the object."""
    if each.kind == "ClusterRole" and not each.name.startswith(names.OPERATOR):
        return USER_ROLES
    return SETTINGS.get(each.kind, "")


def unserved(each: PlannedObject) -> str:
    """Return what to do about a kind that the cluster does not serve."""
    if each.group == names.GROUP:
        return CRDS_OF_OTHERS
    newer = "use a newer version of Kubernetes"
    return f"{setting(each)}, or {newer}" if setting(each) else newer
