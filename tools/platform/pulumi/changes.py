"""The resources that an operation changes, read from the engine's events. Pure.

The engine redacts secrets. A value below or above a redacted one is not looked up.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pulumi.automation.events import StepEventMetadata, StepEventStateMetadata

MAX_VALUE_LENGTH = 60
"""Characters of a value that are shown."""
SECRET = "[secret]"  # noqa: S105 - the engine's placeholder for a secret
SIGNATURE = "4dabf18193072939515e22adb298388d"
"""The key that marks an encoded secret, asset or reference in the engine's events."""
ABSENT = "-"
MAX_PATHS = 50
"""Paths per resource where they are computed here."""
SEGMENT = re.compile(r'\["((?:[^"\\]|\\.)*)"\]|\[(\d+)\]|([^.\[\]]+)')
NOISE = frozenset({"status", "metadata.generation", "metadata.managedFields", "metadata.resourceVersion"})
"""Properties that a cluster changes by itself."""


class Operation(StrEnum):
    """What happens to a resource; most severe first."""

    REPLACE = "replace"
    DELETE = "delete"
    FORGET = "forget"
    """Deleted from the state alone: the object stays in the cluster."""
    CREATE = "create"
    UPDATE = "update"


SIGNS = {
    Operation.REPLACE: "±",
    Operation.DELETE: "-",
    Operation.FORGET: "-",
    Operation.CREATE: "+",
    Operation.UPDATE: "~",
}
OPERATIONS = {operation.value: operation for operation in Operation}


@dataclass(frozen=True, slots=True, kw_only=True)
class Property:
    path: str
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One resource that changes; `object_name` is its name in the cluster, where the engine knows it."""

    operation: Operation
    kind: str
    name: str
    object_name: str = ""
    properties: tuple[Property, ...] = ()
    external: bool = True
    """Whether it exists outside of Pulumi's state, unlike a component, a provider or a record."""

    @property
    def order(self) -> tuple[int, str, str]:
        return list(Operation).index(self.operation), self.kind, self.name

    def markdown(self) -> list[str]:
        head = f"- `{SIGNS[self.operation]}` {self.operation} {self.kind} `{shown(self.name)}`"
        return [
            head,
            *(f"  - `{shown(each.path)}`: `{each.before}` → `{each.after}`" for each in self.properties),
        ]

    def text(self) -> list[str]:
        """Return the change as plain lines, by its name in the cluster."""
        head = f"{SIGNS[self.operation]} {self.operation} {self.kind} {self.object_name or self.name}"
        return [head, *(f"    {each.path}: {each.before} → {each.after}" for each in self.properties)]


def is_retained(step: StepEventMetadata) -> bool:
    """Return whether the engine removes the resource from its state alone when it deletes it."""
    return bool(step.old and step.old.retain_on_delete)


def change_of(step: StepEventMetadata, *, planned: bool = False) -> list[Change]:
    """Return what a step changes; the result of a refresh is not `planned`: there, a deleted resource is gone from the cluster."""
    operation = OPERATIONS.get(step.op.value)
    if planned and operation == Operation.DELETE and is_retained(step):
        operation = Operation.FORGET
    if operation is None:
        return []
    _, _, kind, name = step.urn.split("::", 3)
    state = step.old or step.new
    return [
        Change(
            operation=operation,
            kind=kind.rpartition(":")[2],
            name=name,
            object_name=(state.id if state else "") or "",
            properties=_properties(operation, step),
            external=bool(state and state.id) and not kind.rpartition("$")[2].startswith("pulumi:"),
        )
    ]


def _properties(operation: Operation, step: StepEventMetadata) -> tuple[Property, ...]:
    if operation in {Operation.CREATE, Operation.DELETE, Operation.FORGET}:
        return ()
    # A refresh reports a change of the inputs, or of the outputs where the provider reads no inputs.
    sides = [(_values(step.old, side), _values(step.new, side)) for side in ("inputs", "outputs") if step.old]
    paths = sorted(step.detailed_diff or step.keys or step.diffs or ())
    if paths:
        return tuple(_property(path, sides) for path in paths)
    for before, after in sides:
        if different := [path for path in differing_paths(before, after) if not _is_noise(path)]:
            return tuple(_property(path, [(before, after)]) for path in different[:MAX_PATHS])
    return ()


def _values(state: StepEventStateMetadata | None, side: str) -> Mapping[str, Any]:
    return getattr(state, side, None) or {}


def _property(path: str, sides: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> Property:
    pairs = [(value_at(before, path), value_at(after, path)) for before, after in sides]
    before, after = next(
        (pair for pair in pairs if pair[0] != pair[1]), pairs[0] if pairs else (ABSENT, ABSENT)
    )
    return Property(path=path, before=before, after=after)


def differing_paths(before: Any, after: Any, path: str = "") -> Iterator[str]:  # noqa: ANN401 - any part of a resource
    """Yield the path of every value that differs, down to scalars, lists and secrets."""
    if isinstance(before, dict) and isinstance(after, dict) and SIGNATURE not in {*before, *after}:
        for key in sorted({*before, *after}):
            if not key.startswith("__"):
                quoted = any(character in key for character in '.[]"')
                step = f'["{key}"]' if quoted else f".{key}" if path else key
                yield from differing_paths(before.get(key), after.get(key), path + step)
    elif before != after and path:
        yield path


def _is_noise(path: str) -> bool:
    return any(path == noise or path.startswith((f"{noise}.", f"{noise}[")) for noise in NOISE)


def value_at(inputs: Any, path: str) -> str:  # noqa: ANN401 - any part of a resource's inputs
    """Return the value at a path as it is shown; the placeholder where it or a part around it is secret."""
    for quoted, number, word in SEGMENT.findall(path):
        if _is_secret(inputs):
            return SECRET
        if number and isinstance(inputs, list) and int(number) < len(inputs):
            inputs = inputs[int(number)]
        elif isinstance(inputs, dict) and (quoted or word) in inputs:
            inputs = inputs[quoted or word]
        else:
            return ABSENT
    if _is_secret(inputs):
        return SECRET
    if isinstance(inputs, dict | list) and inputs:
        return f"{len(inputs)} entries"
    return shown(str(inputs))


def _is_secret(value: Any) -> bool:  # noqa: ANN401 - any part of a resource's inputs
    return value == SECRET or (isinstance(value, dict) and SIGNATURE in value)


def shown(text: str) -> str:
    """Return a text on one line, cut where it is long, that cannot leave its quotes."""
    lines = text.strip().splitlines() or [""]
    first = re.sub(r"\s+", " ", lines[0]).replace("`", "'")
    cut = first if len(first) <= MAX_VALUE_LENGTH else f"{first[: MAX_VALUE_LENGTH - 1]}…"
    return cut if len(lines) == 1 else f"{cut} … {len(lines)} lines"
