"""A rule over a whole stack: what has to go on while nodes are drained has replicas and a budget. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from platform_policy.pods import selected

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

LEAST = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A resource of a stack: its kind, its name in the program, and what is asked for."""

    kind: str
    name: str
    properties: Mapping[str, Any]


def disruption_budget(resources: Sequence[Resource]) -> Iterator[tuple[str, str]]:
    """Yield name and reason of each Deployment that a drain of nodes could stop."""
    budgets = [entry.properties for entry in resources if entry.kind == "PodDisruptionBudget"]
    for deployment in (entry for entry in resources if entry.kind == "Deployment"):
        spec = deployment.properties.get("spec") or {}
        replicas = spec.get("replicas", 1)
        if replicas < LEAST:
            yield deployment.name, f"it has {replicas:g} replica(s), at least {LEAST} are needed"
            continue
        mine = [budget for budget in budgets if _covers(budget, deployment.properties)]
        if not mine:
            yield deployment.name, "no PodDisruptionBudget chooses its pods; make one"
        elif not any(_leaves_one(budget.get("spec") or {}, replicas) for budget in mine):
            yield deployment.name, "its PodDisruptionBudget lets all replicas go at once; let fewer go"


def _covers(budget: Mapping[str, Any], deployment: Mapping[str, Any]) -> bool:
    places = [(entry.get("metadata") or {}).get("namespace") for entry in (budget, deployment)]
    template = (deployment.get("spec") or {}).get("template") or {}
    labels = (template.get("metadata") or {}).get("labels") or {}
    return places[0] == places[1] and selected(labels, (budget.get("spec") or {}).get("selector") or {})


def _leaves_one(budget: Mapping[str, Any], replicas: float) -> bool:
    """Tell whether at least one pod stays; shares of replicas are rounded up, as the API server does."""
    if budget.get("minAvailable") is not None:
        return _pods(budget["minAvailable"], replicas) >= 1
    return _pods(budget.get("maxUnavailable", replicas), replicas) < replicas


def _pods(value: str | float, replicas: float) -> float:
    if isinstance(value, str) and value.endswith("%"):
        return -(-replicas * float(value[:-1]) // 100)
    return float(value)
