"""Rules for permissions: every grant is explicit. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROLES = frozenset({"Role", "ClusterRole"})
BINDINGS = frozenset({"RoleBinding", "ClusterRoleBinding"})
FIELDS = ("apiGroups", "resources", "verbs", "nonResourceURLs")
ESCALATING = frozenset({"escalate", "bind", "impersonate"})
LIMITED_BY_NAME = frozenset({"bind"})
"""Verbs that hand on exactly the roles that the rule names."""
CLUSTER_ADMIN = "cluster-admin"
WRITE: Final = frozenset({"create", "update", "patch"})
READ: Final = frozenset({"get", "list", "watch"})
CHANGE: Final = frozenset({"update", "patch", "delete"})
ESCALATIONS: Final = {
    "secrets": WRITE,
    "serviceaccounts/token": frozenset({"create"}),
    **dict.fromkeys(("pods", "pods/exec", "pods/attach", "pods/ephemeralcontainers"), WRITE),
    **dict.fromkeys(
        (
            "deployments",
            "daemonsets",
            "statefulsets",
            "replicasets",
            "replicationcontrollers",
            "jobs",
            "cronjobs",
        ),
        WRITE,
    ),
}
"""Verbs by resource that give the permissions of another account (DD-ACCOUNT-001): by a Secret with its token, by a token of it, or by a pod
under it. Names do not limit what is created."""
ESCALATIONS_WITHOUT_NAMES: Final = {"secrets": READ, "leases": CHANGE}
"""The same for a rule without names of objects: it reads the tokens of all accounts of a namespace, or takes the Leases by which the replicas
of another account share their work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Permitted:
    """A grant that a decision record allows although it escalates; `role` matches the whole name of the role."""

    role: re.Pattern[str]
    resource: str
    verbs: frozenset[str]
    decision: str


_NAMESPACE: Final = r"[a-z0-9-]+"
EXCEPTIONS: Final = (
    # receiversReadAll, and receiversNamespaced with and without watchNamespaces.
    Permitted(
        role=re.compile(rf"notification-operator\.{_NAMESPACE}(\.own|\.served)?"),
        resource="secrets",
        verbs=frozenset({"list", "watch"}),
        decision="DD-RBAC-001",
    ),
    # operatorShards above 1: each replica has a Lease that is named after its pod.
    Permitted(
        role=re.compile(rf"notification-operator\.{_NAMESPACE}\.own"),
        resource="leases",
        verbs=frozenset({"update", "delete"}),
        decision="DD-RBAC-001",
    ),
    # gatewayReadAll, and gatewayTenantSources, which requires watchNamespaces.
    Permitted(
        role=re.compile(rf"notification-gateway\.{_NAMESPACE}\.(own|served)"),
        resource="secrets",
        verbs=frozenset({"get"}),
        decision="DD-ACCOUNT-001",
    ),
    # Bound in namespaces of previews only.
    *(
        Permitted(
            role=re.compile("notification-preview-manager"),
            resource=resource,
            verbs=verbs,
            decision="DD-STATE-001",
        )
        for resource, verbs in (("secrets", READ | WRITE), ("deployments", READ | WRITE), ("leases", CHANGE))
    ),
)


def _escalates(role: str, rule: Mapping[str, Any]) -> Iterator[str]:
    """Yield each resource on which a rule has verbs that give the permissions of another account."""
    for resource in rule.get("resources") or ():
        without_names = (
            frozenset() if rule.get("resourceNames") else ESCALATIONS_WITHOUT_NAMES.get(resource, frozenset())
        )
        verbs = (ESCALATIONS.get(resource, frozenset()) | without_names).intersection(rule.get("verbs") or ())
        for each in EXCEPTIONS:
            if each.resource == resource and each.role.fullmatch(role):
                verbs -= each.verbs
        if verbs:
            yield f"{', '.join(sorted(verbs))} on {resource}"


def no_wildcard_rbac(kind: str, properties: Mapping[str, Any]) -> Iterator[str]:
    """Yield each grant of all permissions, and each grant that allows privilege escalation."""
    if kind in BINDINGS and (properties.get("roleRef") or {}).get("name") == CLUSTER_ADMIN:
        yield f"the binding grants {CLUSTER_ADMIN}; bind a role with the required permissions"
    if kind not in ROLES:
        return
    role = str((properties.get("metadata") or {}).get("name", ""))
    for number, rule in enumerate(properties.get("rules") or ()):
        for grant in _escalates(role, rule):
            yield f"rules[{number}] has {grant}, which allows privilege escalation; remove it, or limit a read, or a write of leases, by resourceNames"
        for field in FIELDS:
            if any("*" in str(value) for value in rule.get(field) or ()):
                yield f"rules[{number}].{field} has a wildcard; list each value"
        harmless = LIMITED_BY_NAME if rule.get("resourceNames") else frozenset()
        escalating = sorted(ESCALATING.intersection(rule.get("verbs") or ()) - harmless)
        if escalating:
            yield f"rules[{number}].verbs has {', '.join(escalating)}, which allows privilege escalation; remove it"
