"""The Markdown comment about what would change in some stacks. Pure."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tools.platform.pulumi.changes import Change, Operation, shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tools.platform.pulumi.events import Violation

MAX_LENGTH = 60_000
"""Characters of a comment; GitHub accepts 65,536."""
MIN_LENGTH = 2_000
WRAPPER = textwrap.TextWrapper(160, break_on_hyphens=False)
"""Breaks the lines of errors and violations, so that a comment shows them without scrolling."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StackChanges:
    """What would change in one stack; `error` is why that is unknown, `violations` come from the policies, `warnings` from the program."""

    stack: str
    changes: tuple[Change, ...] = ()
    error: str = ""
    violations: tuple[Violation, ...] = ()
    warnings: tuple[str, ...] = ()


def render(stacks: Sequence[StackChanges], *, limit: int = MAX_LENGTH) -> str:
    """Return the comment for some stacks, never longer than `limit` characters."""
    if limit < MIN_LENGTH * max(1, len(stacks)):
        raise ValueError(
            f"a comment for {len(stacks)} stack(s) needs {MIN_LENGTH} characters for each, not {limit} in all"
        )
    share = limit // max(1, len(stacks))
    return "\n".join(["### What would change", "", *(_section(entry, share) for entry in stacks)])


def _section(entry: StackChanges, room: int) -> str:
    title = f"<summary><b>{shown(entry.stack)}</b>: {_summary(entry)}</summary>"
    opened = "<details open>" if entry.error or entry.violations or entry.warnings else "<details>"
    end = ["", "</details>", ""]
    body = [line for change in entry.changes for line in change.markdown()]
    for heading, text in (
        ("Warnings", "\n".join(entry.warnings)),
        ("Policy violations", "\n".join(map(str, entry.violations))),
        ("Error", entry.error),
    ):
        if text:
            quoted = [
                f"    {part}" for line in text.strip().splitlines() for part in WRAPPER.wrap(line) or [""]
            ]
            body = [f"{heading}:", "", *quoted, "", *body]
    # Room for the frame, and for the line that reports omitted lines.
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
    if entry.error:
        return "preview failed"
    counts = dict.fromkeys(Operation, 0)
    for change in entry.changes:
        counts[change.operation] += 1
    summary = [f"{count} to {operation}" for operation, count in counts.items() if count]
    return (", ".join(summary) or "no changes") + (", policy violations" if entry.violations else "")
