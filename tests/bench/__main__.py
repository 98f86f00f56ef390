"""Measure the operator and comparison controllers on an API server of their own.

`python -m tests.bench [--full] [--only SCENARIO …] [--controller ours|naive|prototype]` prints tables and writes
build/bench/latest.json, from which `python -m tests.bench.page` updates docs/performance.md.

`python -m tests.bench --only burst-1000,paced-5 --against REV [--rounds N]` measures the operator of this checkout and that of
another commit alternately on the same API server, and prints the changes between the two.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table as RichTable

from tests.bench import compare, tables
from tests.bench.bars import verdicts
from tests.bench.calls import AuditLogTornError
from tests.bench.controllers import Kind
from tests.bench.figures import Figures, middle, save
from tests.bench.generator import NotFinalError
from tests.bench.machine import commit, machine
from tests.bench.measure import measure
from tests.bench.place import place
from tests.bench.scenarios import UnknownScenarioError, chosen
from tests.harness.control_plane import ControlPlaneError
from tools.localcluster.toolchain import ToolchainError
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tests.bench.figures import Result
    from tests.bench.place import Place
    from tests.bench.scenarios import Scenario
    from tests.bench.tables import Table

FOLDER = ROOT / "build" / "bench"
LATEST = FOLDER / "latest.json"
WIDTH = 200
INTERRUPTED = 128 + signal.SIGINT
TABLES = (tables.speed, tables.cost, tables.calls, tables.sinks, tables.bars)
STANDARD = (Kind.OURS, Kind.NAIVE, Kind.PROTOTYPE)
DEFAULT_ROUNDS = 5
PROBLEMS = (ControlPlaneError, ToolchainError, UnknownScenarioError, compare.UnknownCommitError)
"""Errors that end a run before its first measurement."""
FAILURES = (NotFinalError, AuditLogTornError, TimeoutError)
"""Errors that end one measurement."""


def main(arguments: list[str]) -> int:
    """Run the command; the exit code is 0 only if every measured bar is reached."""
    options = _parser().parse_args(arguments)
    # Without a terminal there is no width to respect.
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    names = [name for word in options.only for name in word.split(",")]
    try:
        scenarios = chosen(names, full=options.full)
        if options.against:
            return _compare(scenarios, options.against, options.rounds, console)
        return _measure(scenarios, options.controller or STANDARD, console)
    except KeyboardInterrupt:
        console.print("interrupted")
        return INTERRUPTED
    except PROBLEMS as error:
        console.print(f"error: {error}", markup=False, highlight=False)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--full", action="store_true", help="every scenario, which takes about 20 minutes")
    parser.add_argument(
        "--only", action="append", default=[], metavar="SCENARIO", help="one, or several by commas"
    )
    parser.add_argument("--controller", action="append", choices=[kind.value for kind in STANDARD])
    parser.add_argument("--against", metavar="REV", help="compare with the operator of this commit")
    parser.add_argument(
        "--rounds", type=int, default=DEFAULT_ROUNDS, help="with --against (default: %(default)s)"
    )
    return parser


def _measure(scenarios: Sequence[Scenario], kinds: Sequence[str], console: Console) -> int:
    with place() as where:
        results = _run(_turns(scenarios, [kind for kind in STANDARD if kind in kinds]), where, console)
        measured = middle(one for one in results if one)
        figures = _figures(measured, where)
    save(figures, FOLDER / f"{figures.at:%Y%m%d-%H%M%S}.json")
    save(figures, LATEST)
    for make in TABLES:
        _show(make(figures), console)
    console.print(f"figures: {LATEST.relative_to(ROOT)}", highlight=False)
    return 0 if None not in results and all(one.holds for one in verdicts(figures)) else 1


def _compare(scenarios: Sequence[Scenario], revision: str, rounds: int, console: Console) -> int:
    with contextlib.ExitStack() as cleanup:
        base = cleanup.enter_context(compare.checkout(revision))
        where = cleanup.enter_context(place(base))
        results = _run(compare.turns(scenarios, rounds), where, console)
        figures = _figures(compare.complete(results), where)
    file = FOLDER / f"{figures.at:%Y%m%d-%H%M%S}-against-{revision.replace('/', '-')}.json"
    save(figures, file)
    compared = compare.comparisons(figures.results)
    _show(compare.table(compared), console)
    console.print(
        f"base: {revision}, ours: {figures.commit}; figures: {file.relative_to(ROOT)}", highlight=False
    )
    return 0 if None not in results and all(one.holds for one in compared) else 1


def _figures(results: Iterable[Result], where: Place) -> Figures:
    return Figures(
        at=datetime.now(UTC),
        commit=commit(),
        machine=machine(where.control_plane.version),
        results=tuple(results),
    )


def _run(turns: Iterable[tuple[Scenario, Kind]], where: Place, console: Console) -> list[Result | None]:
    """Measure one after another; a failed measurement has no result."""
    results: list[Result | None] = []
    for scenario, kind in turns:
        start = time.monotonic()
        try:
            result = asyncio.run(measure(scenario, kind, where))
        except FAILURES as error:
            results.append(None)
            message = f"FAILED: {str(error) or type(error).__name__}"
        else:
            results.append(result)
            message = (
                f"{result.main.rate:g}/s, p50 {result.main.latency_ms.p50:g} ms, idle {result.idle_mb:g} MB"
            )
        seconds = time.monotonic() - start
        console.print(f"{scenario.name}, {kind}: {message}, measured in {seconds:.0f} s", highlight=False)
    return results


def _turns(scenarios: Iterable[Scenario], kinds: Sequence[Kind]) -> Iterator[tuple[Scenario, Kind]]:
    """Return the order of measurements: the controllers alternate between the rounds of a scenario."""
    for scenario in scenarios:
        for _ in range(scenario.rounds):
            for kind in kinds:
                if kind in _controllers(scenario):
                    yield scenario, kind


def _controllers(scenario: Scenario) -> set[Kind]:
    included = {Kind.OURS: True, Kind.NAIVE: scenario.naive, Kind.PROTOTYPE: scenario.prototype}
    return {kind for kind, included_here in included.items() if included_here}


def _show(table: Table, console: Console) -> None:
    drawn = RichTable(*table.head, box=None, pad_edge=False)
    for row in table.rows:
        drawn.add_row(*row)
    if table.rows:
        console.print(drawn, "", markup=False)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
