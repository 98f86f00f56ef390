"""A redrive for a person: the plan, the progress, and the result."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from notification_cli.output.documents import document, resource_name
from notification_cli.output.table import Column, Table
from notification_cli.views.format import Form, Output
from notification_cli.views.plain import plain
from notification_cli.views.resending.candidates import Outcome
from notification_cli.views.text import clean, duration
from notification_domain.status import Reason

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from notification_cli.output.screen import Screen
    from notification_cli.views.resending.candidates import Candidate, Selection

COLUMNS = (
    Column(title="NAMESPACE", rank=1),
    Column(title="NAME"),
    Column(title="AGE"),
    Column(title="REASON", rank=3),
    Column(title="TARGETS", rank=2),
    Column(title="REPLAY", rank=4),
)
ROUTED = "(by the routing rules)"
NAMED = 10
"""Namespaces that the summary names, those with the most first."""


def write_plan(screen: Screen, output: Output, selection: Selection, *, now: datetime) -> None:
    if not output.is_table:
        names = "\n".join(resource_name(each.replay) for each in selection.waiting)
        document(screen, output, _plan(selection), name=names)
        return
    if selection.waiting:
        rows = [
            [
                clean(each.namespace),
                clean(each.name),
                duration((now - each.created).total_seconds()),
                clean(each.reason) or "-",
                clean(", ".join(each.targets)) or ROUTED,
                clean(each.replay),
            ]
            for each in selection.waiting
        ]
        Table(screen, COLUMNS).write(rows)
    for text in _summary(selection):
        screen.note(text)
    if selection.waiting:
        screen.note(
            f"nothing was sent; to send it, repeat the command with --batch {selection.wanted.batch} --yes"
        )


class Progress:
    """Writes what becomes of each notification of a redrive, and counts."""

    def __init__(self, screen: Screen, output: Output, selection: Selection) -> None:
        self._screen, self._output, self._selection = screen, output, selection
        self._counts: Counter[Outcome] = Counter()
        self._created: list[Candidate] = []
        self._reasons: Counter[str] = Counter()

    @property
    def refused(self) -> int:
        return self._counts[Outcome.REFUSED]

    def begin(self) -> None:
        for text in _summary(self._selection):
            self._screen.note(text)
        if self._selection.waiting:
            self._screen.note(
                f"batch {self._batch}: if this is interrupted, repeat the command with --batch {self._batch}"
            )

    def add(self, candidate: Candidate, outcome: Outcome, why: str) -> None:
        self._counts[outcome] += 1
        if outcome is Outcome.CREATED:
            self._created.append(candidate)
        if why:
            self._reasons[why] += 1
        if self._output.is_table:
            number = f"{self._counts.total()}/{len(self._selection.waiting)}"
            what = clean(
                f"{outcome.value} {candidate.replay}" if outcome is Outcome.CREATED else outcome.value
            )
            style = {Outcome.CREATED: "green", Outcome.REFUSED: "bold red"}.get(outcome, "dim")
            reason = f": {clean(why)}" if why else ""
            self._screen.line(
                number, f"  {clean(candidate.namespace)}/{clean(candidate.name)}  ", (what, style), reason
            )
            self._screen.flush()
        elif self._output.form is Form.NAME and outcome is Outcome.CREATED:
            document(self._screen, self._output, {}, name=resource_name(candidate.replay))

    def interrupted(self) -> None:
        self._screen.note(f"stopped: {self._sum()}; continue with --batch {self._batch}")

    def end(self) -> None:
        if self._output.is_data:
            result = {
                **_plan(self._selection),
                "created": plain(self._created),
                "results": {each.value: self._counts[each] for each in Outcome},
                "reasons": dict(self._reasons),
            }
            document(self._screen, self._output, result)
        if self._selection.waiting:
            self._screen.note(f"batch {self._batch}: {self._sum()}")

    @property
    def _batch(self) -> str:
        return self._selection.wanted.batch

    def _sum(self) -> str:
        parts = [f"{count} {outcome.value}" for outcome, count in self._counts.items() if count]
        return ", ".join(parts) or "nothing was sent"


def _summary(selection: Selection) -> Iterator[str]:
    """Yield what matches, and what is left out, in sentences."""
    waiting, done = len(selection.waiting), len(selection.candidates) - len(selection.waiting)
    if not (selection.matching or selection.before or selection.resolved or selection.refused):
        yield "no notification matches"
        return
    yield f"{selection.matching} match; {waiting} to send" + (
        f", {done} sent by this batch before" if done else ""
    )
    if selection.left_out:
        others = ", ".join(
            f"{count} of {clean(name)}" for name, count in selection.left_out.most_common(NAMED)
        )
        unnamed = len(selection.left_out) - NAMED
        more = f" and those of {unnamed} other namespaces" if unnamed > 0 else ""
        yield f"--limit is {selection.limit}: left out are {others}{more}; narrow the selection, or raise the limit"
    if selection.before:
        yield f"{selection.before} left out: they were sent again before; notif replay sends one of them once more"
    if selection.resolved:
        yield f"{selection.resolved} resolved since, left out (--include-resolved)"
    still_open = [each for each in selection.waiting if each.reason == Reason.INCIDENT_OPEN]
    if still_open:
        places = dict.fromkeys(target for each in still_open for target in each.targets)
        named = ", ".join(map(clean, list(places)[:NAMED])) + (" and others" if len(places) > NAMED else "")
        yield f"{len(still_open)} open at {named}; the fallback has both"
    for reason, count in selection.refused.items():
        yield f"{count} left out: {clean(reason)}"


def _plan(selection: Selection) -> dict[str, Any]:
    return {
        "batch": selection.wanted.batch,
        "matching": selection.matching,
        "limit": selection.limit,
        "leftOut": dict(selection.left_out),
        "sentBefore": selection.before,
        "resolvedSince": selection.resolved,
        "refused": dict(selection.refused),
        "candidates": plain(selection.candidates),
    }
