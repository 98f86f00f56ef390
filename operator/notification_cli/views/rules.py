"""How the routing rules were evaluated for some labels, rule by rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from notification_contract.routing.table import RoutingTable, Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One condition of a rule, the label's value, and whether it holds."""

    text: str
    value: str
    holds: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One evaluated rule; rules after a match that ends the search are not evaluated."""

    depth: int
    name: str
    receiver: str
    conditions: tuple[Condition, ...]
    chosen: bool
    """Whether its receiver gets the notification."""

    @property
    def holds(self) -> bool:
        return all(condition.holds for condition in self.conditions)


def evaluate(table: RoutingTable, labels: Mapping[str, str]) -> tuple[Step, ...]:
    # By identity: two rules may be equal, and an alias in the document makes one object of two rules.
    chosen = {tuple(map(id, match.path)) for match in table.match(labels)}
    return tuple(_steps((table.root,), labels, chosen))


def _steps(path: tuple[Rule, ...], labels: Mapping[str, str], chosen: set[tuple[int, ...]]) -> Iterator[Step]:
    rule = path[-1]
    step = _step(path, labels, chosen)
    yield step
    if not step.holds:
        return
    for child in rule.rules:
        yield from _steps((*path, child), labels, chosen)
        if not child.continue_matching and all(each.holds(labels) for each in child.matchers):
            return


def _step(path: tuple[Rule, ...], labels: Mapping[str, str], chosen: set[tuple[int, ...]]) -> Step:
    rule = path[-1]
    return Step(
        depth=len(path) - 1,
        name=rule.name,
        receiver=rule.receiver.name,
        conditions=tuple(
            Condition(text=str(each), value=labels.get(each.label, ""), holds=each.holds(labels))
            for each in rule.matchers
        ),
        chosen=tuple(map(id, path)) in chosen,
    )
