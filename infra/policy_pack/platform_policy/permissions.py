"""Rules for permissions: every grant is explicit. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROLES = frozenset({"Role", "ClusterRole"})
BINDINGS = frozenset({"RoleBinding", "ClusterRoleBinding"})
FIELDS = ("apiGroups", "resources", "verbs", "nonResourceURLs")
ESCALATING = frozenset({"escalate", "bind", "impersonate"})
LIMITED_BY_NAME = frozenset({"bind"})
"""Verbs that hand on exactly the roles that the rule names."""
CLUSTER_ADMIN = "cluster-admin"


def no_wildcard_rbac(kind: str, properties: Mapping[str, Any]) -> Iterator[str]:
    """Yield each grant of all permissions, and each grant that allows privilege escalation."""
    if kind in BINDINGS and (properties.get("roleRef") or {}).get("name") == CLUSTER_ADMIN:
        yield f"the binding grants {CLUSTER_ADMIN}; bind a role with the required permissions"
    if kind not in ROLES:
        return
    for number, rule in enumerate(properties.get("rules") or ()):
        for field in FIELDS:
            if any("*" in str(value) for value in rule.get(field) or ()):
                yield f"rules[{number}].{field} has a wildcard; list each value"
        harmless = LIMITED_BY_NAME if rule.get("resourceNames") else frozenset()
        escalating = sorted(ESCALATING.intersection(rule.get("verbs") or ()) - harmless)
        if escalating:
            yield f"rules[{number}].verbs has {', '.join(escalating)}, which allows privilege escalation; remove it"
