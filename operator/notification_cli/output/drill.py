"""The results of a drill for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from notification_cli.output.table import Column, Table
from notification_cli.views.drill import DrillOutcome
from notification_cli.views.text import duration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from notification_cli.output.screen import Screen
    from notification_cli.views.drill import DrillResult

COLUMNS = (
    Column(title="RECEIVER"),
    Column(title="TYPE", rank=3),
    Column(title="RESULT"),
    Column(title="TOTAL", rank=1),
    Column(title="CALL", rank=2),
    Column(title="ATTEMPTS", rank=3),
    Column(title="DETAIL", rank=2),
)
STYLES = {
    DrillOutcome.DELIVERED: "green",
    DrillOutcome.FAILED: "bold red",
    DrillOutcome.LATE: "bold red",
    DrillOutcome.SKIPPED: "dim",
}


def write_results(screen: Screen, results: Sequence[DrillResult]) -> None:
    """Write the results, and how many there are of each kind."""
    if results:
        Table(screen, COLUMNS).write(
            [
                [
                    each.receiver,
                    each.type,
                    (each.result.value, STYLES[each.result]),
                    _time(each.seconds),
                    _time(each.call_seconds),
                    str(each.attempts),
                    each.detail or "-",
                ]
                for each in results
            ]
        )
    sent = [each for each in results if each.result is not DrillOutcome.SKIPPED]
    good = sum(each.result is DrillOutcome.DELIVERED for each in sent)
    screen.note(f"{good} of {len(sent)} receivers got their message")


def _time(seconds: float | None) -> str:
    return "-" if seconds is None else duration(seconds)
