"""What `preflight` found in a cluster, as text, and what to do about it: a setting that leaves an object out, or the owner. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from platform_infra import names

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tools.platform.preflight.objects import PlannedObject
    from tools.platform.preflight.rights import Need, Right

SHOWN_PURPOSES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    missing: Sequence[Need] = ()
    """Rights that the account does not have."""
    hints: Sequence[str] = ()
    """Settings with which the stack needs fewer of these rights."""
    findings: Sequence[str] = ()
    """What `up` would fail on otherwise, and what to do about it."""
    notes: Sequence[str] = ()
    """What could not be checked, and why."""
    rights: int = 0
    """Number of rights that were asked for."""
    objects: int = 0
    """Number of objects that the program registers."""

    @property
    def passed(self) -> bool:
        return not self.missing and not self.findings

    def lines(self) -> Iterator[str]:
        """Yield the report: the missing rights by place, the other problems, and what was not checked."""
        for namespace in sorted({need.right.namespace for need in self.missing}):
            place = f"in the namespace {namespace}" if namespace else "in the whole cluster"
            yield f"missing rights {place}:"
            here = [need for need in self.missing if need.right.namespace == namespace]
            yield from (f"  - {line}" for line in _grouped(here))
        yield from (f"to need fewer rights: {hint}" for hint in self.hints)
        yield from (f"- {finding}" for finding in self.findings)
        yield from (f"not checked: {note}" for note in self.notes)


def _grouped(missing: Sequence[Need]) -> Iterator[str]:
    """Yield one line per resource and object with all its verbs, and what they are for."""
    kinds: dict[tuple[str, str, str], list[Need]] = {}
    for need in missing:
        kinds.setdefault((need.right.group, need.right.resource, need.right.name), []).append(need)
    for (group, resource, name), same in sorted(kinds.items()):
        verbs = ", ".join(dict.fromkeys(need.right.verb for need in same))
        purposes = list(dict.fromkeys(f"{need.purpose} {need.subject}" for need in same))
        more = f" and {len(purposes) - SHOWN_PURPOSES} more" if len(purposes) > SHOWN_PURPOSES else ""
        target = f"{qualified(group, resource)} {name}".strip()
        yield f"{verbs} {target}: to {', to '.join(purposes[:SHOWN_PURPOSES])}{more}"


def qualified(group: str, resource: str) -> str:
    """Return a resource as `kubectl auth can-i` accepts it, such as `notificationrequests.kubernaut.ai/status`."""
    plural, slash, subresource = resource.partition("/")
    return f"{plural}.{group}{slash}{subresource}" if group else resource


def distinct(needs: Iterable[Need]) -> list[Right]:
    return list(dict.fromkeys(need.right for need in needs))


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
    if each.group == names.GROUP:
        return CRDS_OF_OTHERS
    newer = "use a newer version of Kubernetes"
    return f"{setting(each)}, or {newer}" if setting(each) else newer
