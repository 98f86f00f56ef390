"""What `up` would change, as one Markdown comment of a bounded size. Pure.

Secrets come masked from the engine, and stay so: a value below or above a masked one is not looked up.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MARK = "<!-- notification-platform: changes -->"
"""The first line of a comment, by which it is found again."""
LIMIT = 60_000
"""Characters of a comment; GitHub takes 65,536."""
LEAST = 2_000
SHOWN = 60
"""Characters of a value that are shown."""
SECRET = "[secret]"  # noqa: S105 - how the engine masks one
ABSENT = "-"
PLACE = re.compile(r'\["((?:[^"\\]|\\.)*)"\]|\[(\d+)\]|([^.\[\]]+)')


class Operation(StrEnum):
    """What happens to a resource; by falling weight."""

    REPLACE = "replace"
    DELETE = "delete"
    CREATE = "create"
    UPDATE = "update"


SIGNS = {Operation.REPLACE: "±", Operation.DELETE: "-", Operation.CREATE: "+", Operation.UPDATE: "~"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One resource that changes; `properties` are path, value before and value after, as they are shown."""

    operation: Operation
    kind: str
    name: str
    properties: tuple[tuple[str, str, str], ...] = ()

    def lines(self) -> list[str]:
        """Return the change as a list item, with one below it for each property."""
        sign = SIGNS[self.operation]
        head = f"- `{sign}` {self.operation} {self.kind} `{shown(self.name)}`"
        return [head, *(f"  - `{shown(path)}`: `{old}` → `{new}`" for path, old, new in self.properties)]


@dataclass(frozen=True, slots=True, kw_only=True)
class StackChanges:
    """What would change in one stack; `trouble` says why that is not known, `findings` what the policies say."""

    stack: str
    changes: tuple[Change, ...] = ()
    trouble: str = ""
    findings: str = ""


def read(stack: str, preview: Mapping[str, Any], *, findings: str = "") -> StackChanges:
    """Return the changes that the engine's preview, as JSON, tells of."""
    known = {operation.value: operation for operation in Operation}
    found = [
        _change(known[step["op"]], step) for step in preview.get("steps") or () if step.get("op") in known
    ]
    order = list(Operation)
    found.sort(key=lambda change: (order.index(change.operation), change.kind, change.name))
    return StackChanges(stack=stack, changes=tuple(found), findings=findings)


def _change(operation: Operation, step: Mapping[str, Any]) -> Change:
    _, _, kind, name = str(step["urn"]).split("::", 3)
    before, after = ((step.get(side) or {}).get("inputs") or {} for side in ("oldState", "newState"))
    paths = sorted(step.get("detailedDiff") or step.get("replaceReasons") or step.get("diffReasons") or ())
    return Change(
        operation=operation,
        kind=kind.rpartition(":")[2],
        name=name,
        properties=tuple((path, value_at(before, path), value_at(after, path)) for path in paths),
    )


def value_at(inputs: Any, path: str) -> str:  # noqa: ANN401 - any part of a resource's inputs
    """Return the value at a path as it is shown; the mask where that or a part around it is secret."""
    for quoted, number, word in PLACE.findall(path):
        if inputs == SECRET:
            return SECRET
        if number and isinstance(inputs, list) and int(number) < len(inputs):
            inputs = inputs[int(number)]
        elif isinstance(inputs, dict) and (quoted or word) in inputs:
            inputs = inputs[quoted or word]
        else:
            return ABSENT
    if isinstance(inputs, dict | list) and inputs:
        return f"{len(inputs)} entries"
    return shown(str(inputs))


def shown(text: str) -> str:
    """Return a text on one line, cut where it is long, that cannot leave its quotes."""
    lines = text.strip().splitlines() or [""]
    first = re.sub(r"\s+", " ", lines[0]).replace("`", "'")
    cut = first if len(first) <= SHOWN else f"{first[: SHOWN - 1]}…"
    return cut if len(lines) == 1 else f"{cut} … {len(lines)} lines"


def render(stacks: Sequence[StackChanges], *, limit: int = LIMIT) -> str:
    """Return the comment for some stacks, never longer than `limit` characters.

    Raises:
        ValueError: the limit does not even leave room for a heading of each stack.
    """
    if limit < LEAST * max(1, len(stacks)):
        raise ValueError(
            f"a comment for {len(stacks)} stack(s) needs {LEAST} characters for each, not {limit} in all"
        )
    share = limit // max(1, len(stacks)) - len(MARK)
    return "\n".join([MARK, "### What would change", "", *(_section(entry, share) for entry in stacks)])


def _section(entry: StackChanges, room: int) -> str:
    title = f"<summary><b>{shown(entry.stack)}</b>: {_summary(entry)}</summary>"
    opened = "<details open>" if entry.trouble or entry.findings else "<details>"
    end = ["", "</details>", ""]
    body = [line for change in entry.changes for line in change.lines()]
    for heading, text in (("Policies", entry.findings), ("Trouble", entry.trouble)):
        if text:
            quoted = [f"    {line}"[:200] for line in text.strip().splitlines()]
            body = [f"{heading}:", "", *quoted, "", *body]
    # Room for the frame, and for the line that says what is missing.
    left = room - sum(len(line) + 1 for line in (opened, title, *end)) - 300
    return "\n".join([opened, title, "", *_fitting(body, left), *end])


def _fitting(lines: Sequence[str], room: int) -> list[str]:
    kept: list[str] = []
    for number, line in enumerate(lines):
        room -= len(line) + 1
        if room < 0:
            return [*kept, "", f"… and {len(lines) - number} more lines; run the preview to see them."]
        kept.append(line)
    return kept


def _summary(entry: StackChanges) -> str:
    if entry.trouble:
        return "could not be previewed"
    counts = dict.fromkeys(Operation, 0)
    for change in entry.changes:
        counts[change.operation] += 1
    told = [f"{count} to {operation}" for operation, count in counts.items() if count]
    return (", ".join(told) or "nothing changes") + (", policies have findings" if entry.findings else "")
