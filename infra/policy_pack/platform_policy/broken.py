"""Stacks that are broken on purpose, one a rule: what broken.yaml changes in what a good stack asks for. Pure."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """A change that one rule must notice: of resources of a kind, at a path, and what is told then."""

    rule: str
    kind: str
    at: str
    value: Any
    told: str


def breaks(document: Mapping[str, Any]) -> list[Break]:
    """Return what the file holds."""
    return [Break(rule=rule, **change) for rule, changes in document.items() for change in changes]


def broken(change: Break, kind: str | None, properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return the properties of a resource as the broken stack asks for them; a value of null takes a part away."""
    result = copy.deepcopy(dict(properties))
    if kind != change.kind:
        return result
    *way, last = change.at.split("/")
    place: Any = result
    for step in way:
        place = place[int(step)] if isinstance(place, list) else place.setdefault(step, {})
    if change.value is None:
        place.pop(last)
    elif isinstance(place, list):
        place[int(last)] = change.value
    else:
        place[last] = change.value
    return result
