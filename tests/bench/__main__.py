"""Measure the operator on an API server of its own.

`python -m tests.bench [--full] [--only SCENARIO …]` prints a table and writes build/bench/latest.json, which
`python -m tests.bench.page` adds to docs/contributing/performance.md.

`python -m tests.bench --only burst-1000 --against BASE [--commit REV] [--rounds N]` measures the operators of two commits
alternately on the same API server, and prints the changes between them. Without --commit it compares this checkout.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from tests.bench import compare, table
from tests.bench.calls import AuditLogTornError
from tests.bench.generator import NotFinalError
from tests.bench.machine import machine
from tests.bench.measure import measure
from tests.bench.place import Side, running_bench
from tests.bench.results import COLUMNS, Figures, median_rounds, save
from tests.bench.scenarios import TITLES, chosen
from tests.harness.control_plane import ControlPlaneError
from tests.harness.operator_sources import UnknownCommitError
from tools.localcluster.toolchain import ToolchainError
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tests.bench.place import Bench
    from tests.bench.results import Result
    from tests.bench.scenarios import Scenario

FOLDER = ROOT / "build" / "bench"
WIDTH = 240
INTERRUPTED = 128 + signal.SIGINT
COMPARED_ROUNDS, AWAY_SECONDS, WHOLE = 5, 600.0, 1.0
PROBLEMS = (ControlPlaneError, ToolchainError, UnknownCommitError)
"""Errors that end a run before its first measurement."""
FAILURES = (NotFinalError, AuditLogTornError, TimeoutError)
"""Errors that end one measurement."""


def main(arguments: list[str]) -> int:
    """Run the command; the exit code is 0 only if every measured bar is reached."""
    parser = _parser()
    options = parser.parse_args(arguments)
    names = [name for word in options.only for name in word.split(",")]
    if unknown := [name for name in names if name not in TITLES]:
        parser.error(f"no scenario {', '.join(unknown)}; there are {', '.join(TITLES)}")
    # Without a terminal there is no width to respect.
    console = Console(width=None if sys.stdout.isatty() else WIDTH, highlight=False)
    base = {Side.BASE: options.against} if options.against else {}
    revisions = {**base, Side.OURS: options.commit}
    try:
        with running_bench(revisions) as where:
            scenarios = [one.scaled(options.scale) for one in chosen(names, full=options.full)]
            order = turns(scenarios, list(revisions), options.rounds or (COMPARED_ROUNDS if base else 0))
            results = list(_measured(order, where, options.away, console))
            kubernetes = where.control_plane.version
    except KeyboardInterrupt:
        console.print("interrupted")
        return INTERRUPTED
    except PROBLEMS as error:
        console.print(f"error: {error}", markup=False)
        return 1
    figures = Figures(machine=machine(kubernetes), results=tuple(filter(None, results)))
    holds = _report_changes(results, console) if base else _report(figures, console)
    name = "compared" if base else "latest" if options.scale == WHOLE else "tried"
    for stem in (name, f"{name}-{datetime.now(UTC):%Y%m%d-%H%M%S}"):
        save(figures, FOLDER / f"{stem}.json")
    console.print(f"figures: {(FOLDER / name).relative_to(ROOT)}.json")
    return 0 if holds and None not in results else 1


def _parser() -> argparse.ArgumentParser:
    form = argparse.RawTextHelpFormatter
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__, formatter_class=form)
    add, names = parser.add_argument, f"one, or several by commas, of {', '.join(TITLES)}"
    add("--only", action="append", default=[], metavar="SCENARIO", help=names)
    add("--full", action="store_true", help="every scenario, which takes about 40 minutes")
    add("--commit", default="", metavar="REV", help="the operator (default: this checkout)")
    add("--against", default="", metavar="REV", help="compare with the operator of this commit")
    add("--rounds", type=int, help=f"default: those of each scenario, {COMPARED_ROUNDS} with --against")
    add("--away", type=float, default=AWAY_SECONDS, metavar="SECONDS", help="how long an outage lasts")
    scale = (
        "the part of its duration and objects that a scenario with other tenants has, such as 0.02 to try it"
    )
    add("--scale", type=float, default=WHOLE, metavar="PART", help=scale)
    return parser


def turns(
    scenarios: Iterable[Scenario], sides: Sequence[Side], rounds: int
) -> Iterator[tuple[Scenario, Side]]:
    """Return the order of measurements; the commits alternate, and every other round starts with the last one."""
    for scenario in scenarios:
        for number in range(rounds or scenario.rounds):
            for side in sides if number % 2 == 0 else reversed(sides):
                yield scenario, side


def _measured(
    order: Iterable[tuple[Scenario, Side]], where: Bench, away: float, console: Console
) -> Iterator[Result | None]:
    """Measure one after another; a failed measurement has no result."""
    for scenario, side in order:
        start, result = time.monotonic(), None
        try:
            result = asyncio.run(measure(scenario, side, where, away=away))
        except FAILURES as error:
            message = f"FAILED: {str(error) or type(error).__name__}"
        else:
            shown = (COLUMNS[name] for name in ("rate", "p50", "calls", "idle"))
            message = ", ".join(f"{column.title} {column.value(result):g}" for column in shown)
        seconds = time.monotonic() - start
        console.print(f"{scenario.name}, {side}: {message}, measured in {seconds:.0f} s", markup=False)
        yield result


def _report(measured: Figures, console: Console) -> bool:
    figures = median_rounds(measured)
    _show(table.HEAD, table.rows(figures), console)
    beyond = table.missed(figures)
    if beyond:
        console.print(f"missed: {', '.join(beyond)}")
    return not beyond


def _report_changes(results: Sequence[Result | None], console: Console) -> bool:
    compared = compare.comparisons(results)
    _show(compare.HEAD, [one.row() for one in compared], console)
    console.print(", ".join({f"{one.side} is {one.commit}": 0 for one in results if one}))
    return all(one.holds is not False for one in compared)


def _show(head: Sequence[str], rows: Iterable[Sequence[str]], console: Console) -> None:
    drawn = Table(*head, box=None, pad_edge=False)
    for row in rows:
        drawn.add_row(*row)
    console.print(drawn, "", markup=False)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
