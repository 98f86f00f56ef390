"""A rule for a whole stack: Deployments stay available while nodes are drained. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from platform_policy.pods import selected

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

MIN_REPLICAS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A resource of a stack: its kind, its name in the program and its properties."""

    kind: str
    name: str
    properties: Mapping[str, Any]


def disruption_budget(resources: Sequence[Resource]) -> Iterator[tuple[str, str]]:
    """Yield name and reason for each Deployment that a node drain can make unavailable."""
    budgets = [entry.properties for entry in resources if entry.kind == "PodDisruptionBudget"]
    for deployment in (entry for entry in resources if entry.kind == "Deployment"):
        spec = deployment.properties.get("spec") or {}
        replicas = spec.get("replicas", 1)
        if replicas < MIN_REPLICAS:
            yield deployment.name, f"the Deployment has {replicas:g} replica(s); set at least {MIN_REPLICAS}"
            continue
        matching = [budget for budget in budgets if selects_pods(budget, deployment.properties)]
        if not matching:
            yield deployment.name, "no PodDisruptionBudget selects its pods; create one"
        elif not any(_leaves_one(budget.get("spec") or {}, replicas) for budget in matching):
            yield (
                deployment.name,
                "its PodDisruptionBudget allows all replicas to be evicted at once; allow fewer",
            )


def selects_pods(policy: Mapping[str, Any], deployment: Mapping[str, Any]) -> bool:
    """Return whether a disruption budget or a network policy selects the pods of a Deployment."""
    namespaces = [(entry.get("metadata") or {}).get("namespace") for entry in (policy, deployment)]
    template = (deployment.get("spec") or {}).get("template") or {}
    labels = (template.get("metadata") or {}).get("labels") or {}
    spec = policy.get("spec") or {}
    selector = spec.get("selector") or spec.get("podSelector") or {}
    return namespaces[0] == namespaces[1] and selected(labels, selector)


def _leaves_one(budget: Mapping[str, Any], replicas: float) -> bool:
    """Return whether at least one pod stays; percentages are rounded up, as the API server does."""
    if budget.get("minAvailable") is not None:
        return _pods(budget["minAvailable"], replicas) >= 1
    return _pods(budget.get("maxUnavailable", replicas), replicas) < replicas


def _pods(value: str | float, replicas: float) -> float:
    if isinstance(value, str) and value.endswith("%"):
        return -(-replicas * float(value[:-1]) // 100)
    return float(value)
