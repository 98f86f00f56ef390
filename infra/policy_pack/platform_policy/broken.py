"""Deliberate violations of the rules: the changes of broken.yaml, applied to a valid stack. Pure."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """A change of all resources of a kind at a path, and the reason that the rule must report.

    In a key of the path, `~1` stands for a slash, as in a JSON pointer.
    """

    rule: str
    kind: str
    at: str
    value: Any
    reason: str


def breaks(document: Mapping[str, Any]) -> list[Break]:
    return [Break(rule=rule, **change) for rule, changes in document.items() for change in changes]


def broken(change: Break, kind: str | None, properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return the properties of a resource with the change applied; the value null removes the field."""
    result = copy.deepcopy(dict(properties))
    if kind != change.kind:
        return result
    *parents, last = (key.replace("~1", "/") for key in change.at.split("/"))
    target: Any = result
    for key in parents:
        target = target[int(key)] if isinstance(target, list) else target.setdefault(key, {})
    if change.value is None:
        target.pop(last)
    elif isinstance(target, list):
        target[int(last)] = change.value
    else:
        target[last] = change.value
    return result
