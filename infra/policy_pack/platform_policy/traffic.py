"""A rule for a whole stack: a network policy limits the traffic of every Deployment in both directions. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from platform_policy.disruption import selects_pods

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from platform_policy.disruption import Resource

DIRECTIONS = {"Ingress": "ingress", "Egress": "egress"}
"""The policy types of the API, and the fields with their rules."""
LIMITS = {"ports", "from", "to"}


def network_policy(resources: Sequence[Resource]) -> Iterator[tuple[str, str]]:
    """Yield name and reason for each Deployment with unlimited traffic."""
    policies = [entry.properties for entry in resources if entry.kind == "NetworkPolicy"]
    for deployment in (entry for entry in resources if entry.kind == "Deployment"):
        matching = [
            policy.get("spec") or {} for policy in policies if selects_pods(policy, deployment.properties)
        ]
        for direction, field in DIRECTIONS.items():
            limiting = [spec for spec in matching if direction in _types(spec)]
            if not limiting:
                yield deployment.name, f"no NetworkPolicy limits the {field} of its pods; create one"
            elif any(_is_open(rule) for spec in limiting for rule in spec.get(field) or ()):
                yield (
                    deployment.name,
                    f"a NetworkPolicy permits every {field} of its pods; name ports or peers",
                )


def _types(spec: Mapping[str, Any]) -> Sequence[str]:
    """Return the directions that a policy limits; without a list, ingress always and egress by its rules."""
    types: Sequence[str] = spec.get("policyTypes") or ["Ingress", *(["Egress"] if spec.get("egress") else [])]
    return types


def _is_open(rule: Mapping[str, Any]) -> bool:
    return not any(rule.get(limit) for limit in LIMITS)
