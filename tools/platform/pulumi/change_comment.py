"""The Markdown comment about the changes of some stacks. Pure."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tools.platform.pulumi.changes import Change, Operation, shown

if TYPE_CHECKING:
    from collections.abc import Sequence

LIMIT = 60_000
"""Characters of a comment; GitHub accepts 65,536."""
MINIMUM = 2_000
WIDTH = 160
"""Characters of a line of an error or a violation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StackChanges:
    """What would change in one stack; `error` is why that is unknown, `violations` are those of the policies."""

    stack: str
    changes: tuple[Change, ...] = ()
    error: str = ""
    violations: str = ""


def render(stacks: Sequence[StackChanges], *, limit: int = LIMIT) -> str:
    """Return the comment for some stacks, never longer than `limit` characters.

    Raises:
        ValueError: the limit leaves no room for a heading of each stack.
    """
    if limit < MINIMUM * max(1, len(stacks)):
        raise ValueError(
            f"a comment for {len(stacks)} stack(s) needs {MINIMUM} characters for each, not {limit} in all"
        )
    share = limit // max(1, len(stacks))
    return "\n".join(["### What would change", "", *(_section(entry, share) for entry in stacks)])


def _section(entry: StackChanges, room: int) -> str:
    title = f"<summary><b>{shown(entry.stack)}</b>: {_summary(entry)}</summary>"
    opened = "<details open>" if entry.error or entry.violations else "<details>"
    end = ["", "</details>", ""]
    body = [line for change in entry.changes for line in change.markdown()]
    for heading, text in (("Policy violations", entry.violations), ("Error", entry.error)):
        if text:
            quoted = [f"    {part}" for line in text.strip().splitlines() for part in _wrapped(line)]
            body = [f"{heading}:", "", *quoted, "", *body]
    # Room for the frame, and for the line that reports omitted lines.
    left = room - sum(len(line) + 1 for line in (opened, title, *end)) - 300
    return "\n".join([opened, title, "", *_fitting(body, left), *end])


def _wrapped(line: str) -> list[str]:
    """Return a line in parts that a comment shows without scrolling."""
    return textwrap.wrap(line, WIDTH, break_long_words=True, break_on_hyphens=False) or [""]


def _fitting(lines: Sequence[str], room: int) -> list[str]:
    kept: list[str] = []
    for number, line in enumerate(lines):
        room -= len(line) + 1
        if room < 0:
            return [*kept, "", f"… and {len(lines) - number} more lines; run the preview to see them."]
        kept.append(line)
    return kept


def _summary(entry: StackChanges) -> str:
    if entry.error:
        return "preview failed"
    counts = dict.fromkeys(Operation, 0)
    for change in entry.changes:
        counts[change.operation] += 1
    summary = [f"{count} to {operation}" for operation, count in counts.items() if count]
    return (", ".join(summary) or "no changes") + (", policy violations" if entry.violations else "")
