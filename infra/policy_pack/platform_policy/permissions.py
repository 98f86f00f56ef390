"""Rules over permissions: nothing is granted that nobody has named. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROLES = frozenset({"Role", "ClusterRole"})
BINDINGS = frozenset({"RoleBinding", "ClusterRoleBinding"})
FIELDS = ("apiGroups", "resources", "verbs", "nonResourceURLs")
ESCALATING = frozenset({"escalate", "bind", "impersonate"})
EVERYTHING = "cluster-admin"


def no_wildcard_rbac(kind: str, properties: Mapping[str, Any]) -> Iterator[str]:
    """Yield each grant of everything, or of what leads to everything."""
    if kind in BINDINGS and (properties.get("roleRef") or {}).get("name") == EVERYTHING:
        yield f"it binds {EVERYTHING}; bind a role that names what is needed"
    if kind not in ROLES:
        return
    for number, rule in enumerate(properties.get("rules") or ()):
        for field in FIELDS:
            if any("*" in str(value) for value in rule.get(field) or ()):
                yield f"rules[{number}].{field} has a wildcard; name each"
        escalating = sorted(ESCALATING.intersection(rule.get("verbs") or ()))
        if escalating:
            yield f"rules[{number}].verbs has {', '.join(escalating)}, which leads to every permission; leave it out"
