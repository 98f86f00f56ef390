"""Measure what NotificationReceivers cost, and how they behave next to each other, on an API server of their own.

`python -m tests.bench.receivers [--only SCENARIO …] [--rounds N]` prints tables, and writes build/bench/receivers.json,
one CSV and SVG file per chart, and the same JSON with the time in its name.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.table import Table as RichTable

from tests.bench.calls import AuditLogTornError
from tests.bench.generator import NotFinalError
from tests.bench.machine import commit, machine
from tests.bench.place import place
from tests.bench.receivers import (
    against_console,
    charts,
    figures,
    loaded,
    rotation,
    side_by_side,
    status_writes,
    waiting,
)
from tests.bench.receivers.figures import Outcome, ReceiverFigures
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.bench.place import Place
    from tests.bench.receivers.measured import Measured
    from tests.bench.tables import Table

FOLDER: Final = ROOT / "build" / "bench"
LATEST: Final = FOLDER / "receivers.json"
WIDTH: Final = 200
DEFAULT_ROUNDS: Final = 5
FAILURES: Final = (NotFinalError, AuditLogTornError, TimeoutError)
"""Errors that end one scenario."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One measurement; the rounds are of those that alternate."""

    name: str
    title: str
    measure: Callable[[Place, int], Awaitable[Measured]]


def scenarios(away: float = waiting.AWAY_SECONDS) -> tuple[Scenario, ...]:
    """Return all of them; `away` is for how many seconds a receiver takes nothing, where it returns later."""
    return (
        Scenario(name="loaded", title="1,000 receivers loaded", measure=loaded.measure),
        Scenario(name="side-by-side", title="50 receivers side by side", measure=side_by_side.measure),
        Scenario(name="rotation", title="a Secret rotated under load", measure=rotation.measure),
        Scenario(
            name="against-console",
            title="a webhook receiver against the console",
            measure=against_console.measure,
        ),
        Scenario(name="status-writes", title="status writes under a burst", measure=status_writes.measure),
        Scenario(name="waiting", title="a receiver that fails twice at first", measure=waiting.measure),
        Scenario(name="away", title="a receiver that is away", measure=partial(waiting.away, seconds=away)),
        Scenario(
            name="suspended", title="a suspended receiver", measure=partial(waiting.suspended, seconds=away)
        ),
    )


ORDER: Final = tuple(scenario.name for scenario in scenarios())


def main(arguments: list[str]) -> int:
    """Run the command; the exit code is 0 only if every bar is reached."""
    parser = _parser()
    options = parser.parse_args(arguments)
    names = [name for word in options.only for name in word.split(",")] or ORDER
    if unknown := [name for name in names if name not in ORDER]:
        parser.error(f"no scenario {', '.join(unknown)}; there are {', '.join(ORDER)}")
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    with place() as where:
        results = [
            _measure(scenario, where, options.rounds, console)
            for scenario in scenarios(options.away)
            if scenario.name in names
        ]
        outcomes = [result for result in results if result is not None]
        run = ReceiverFigures(machine=machine(where.control_plane.version), outcomes=outcomes)
    if outcomes:
        figures.save(run, LATEST)
        figures.save(run, FOLDER / f"receivers-{outcomes[0].at:%Y%m%d-%H%M%S}.json")
        charts.write_csv(outcomes, FOLDER)
        charts.draw(outcomes, FOLDER)
    for table in (figures.table(outcomes), figures.runs(outcomes)):
        _show(table, console)
    console.print(f"figures: {LATEST.relative_to(ROOT)}", highlight=False)
    return 0 if None not in results and all(one.holds for one in outcomes) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.receivers", description=__doc__)
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="SCENARIO",
        help=f"one, or several by commas, of {', '.join(ORDER)}",
    )
    parser.add_argument(
        "--rounds",
        type=int,
        default=DEFAULT_ROUNDS,
        help="of the scenarios that alternate (default: %(default)s)",
    )
    parser.add_argument(
        "--away",
        type=float,
        default=waiting.AWAY_SECONDS,
        metavar="SECONDS",
        help="of the scenarios away and suspended (default: %(default)g)",
    )
    return parser


def _measure(scenario: Scenario, where: Place, rounds: int, console: Console) -> Outcome | None:
    """Measure; a scenario that fails has no outcome."""
    start, at, load = time.monotonic(), datetime.now(UTC), os.getloadavg()[0]
    try:
        measured = asyncio.run(_awaited(scenario, where, rounds))
    except FAILURES as error:
        console.print(f"{scenario.name}: FAILED: {error!r}", markup=False, highlight=False)
        return None
    outcome = Outcome(
        scenario=scenario.name,
        title=scenario.title,
        at=at,
        commit=commit(),
        load_before=round(load, 2),
        seconds=round(time.monotonic() - start, 1),
        rows=measured.rows,
        charts=measured.charts,
    )
    _show(figures.table([outcome]), console)
    return outcome


async def _awaited(scenario: Scenario, where: Place, rounds: int) -> Measured:
    return await scenario.measure(where, rounds)


def _show(table: Table, console: Console) -> None:
    drawn = RichTable(*table.head, box=None, pad_edge=False)
    for row in table.rows:
        drawn.add_row(*row)
    console.print(drawn, "", markup=False)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
