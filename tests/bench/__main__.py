"""Measure the operator, and a controller of the old kind beside it, at an API server of their own.

`python -m tests.bench [--full] [--only SCENARIO …] [--controller ours|naive|prototype]`: prints tables and writes
build/bench/latest.json, from which `python -m tests.bench.page` renews docs/performance.md.
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
from rich.table import Table as Drawn

from tests.bench import tables
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

FOLDER = ROOT / "build" / "bench"
LATEST = FOLDER / "latest.json"
WIDTH = 200
INTERRUPTED = 128 + signal.SIGINT
SHOWN = (tables.speed, tables.cost, tables.calls, tables.sinks, tables.bars)
PROBLEMS = (ControlPlaneError, ToolchainError, UnknownScenarioError)
"""What can keep a run from beginning."""
FAILURES = (NotFinalError, AuditLogTornError, TimeoutError)


def main(arguments: list[str]) -> int:
    """Run the command; the exit code is 0 only when every bar that was measured is reached."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--full", action="store_true", help="every scenario, which takes about 20 minutes")
    parser.add_argument("--only", action="append", default=[], metavar="SCENARIO")
    parser.add_argument("--controller", action="append", choices=[kind.value for kind in Kind])
    asked = parser.parse_args(arguments)
    # Where nobody looks at it, there is no width to keep to.
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    try:
        scenarios = chosen(asked.only, full=asked.full)
        kinds = [kind for kind in Kind if kind in (asked.controller or list(Kind))]
        with place() as where:
            results, failed = _run(scenarios, kinds, where, console)
            figures = Figures(
                at=datetime.now(UTC),
                commit=commit(),
                machine=machine(where.control_plane.version),
                results=middle(results),
            )
    except KeyboardInterrupt:
        console.print("interrupted")
        return INTERRUPTED
    except PROBLEMS as error:
        console.print(f"error: {error}", markup=False, highlight=False)
        return 1
    save(figures, FOLDER / f"{figures.at:%Y%m%d-%H%M%S}.json")
    save(figures, LATEST)
    _show(figures, console)
    return 0 if not failed and all(one.holds for one in verdicts(figures)) else 1


def _run(
    scenarios: Sequence[Scenario], kinds: Sequence[Kind], where: Place, console: Console
) -> tuple[list[Result], int]:
    """Measure one after the other; return the results, and how many measurements failed."""
    results, failed = [], 0
    for scenario, kind in _turns(scenarios, kinds):
        start = time.monotonic()
        try:
            results.append(asyncio.run(measure(scenario, kind, where)))
        except FAILURES as error:
            failed += 1
            said = f"FAILED: {str(error) or type(error).__name__}"
        else:
            said = f"{results[-1].main.rate:g}/s"
        took = f"{time.monotonic() - start:.0f} s"
        console.print(f"{scenario.name}, {kind}: {said}, measured in {took}", highlight=False)
    return results, failed


def _turns(scenarios: Iterable[Scenario], kinds: Sequence[Kind]) -> Iterator[tuple[Scenario, Kind]]:
    """Give what is measured, in order: of several rounds each controller's first comes before anyone's second."""
    for scenario in scenarios:
        for _ in range(scenario.rounds):
            for kind in kinds:
                if kind in _controllers(scenario):
                    yield scenario, kind


def _controllers(scenario: Scenario) -> set[Kind]:
    """Return those that a scenario is made for."""
    made_for = {Kind.OURS: True, Kind.NAIVE: scenario.naive, Kind.PROTOTYPE: scenario.prototype}
    return {kind for kind, wanted in made_for.items() if wanted}


def _show(figures: Figures, console: Console) -> None:
    for make in SHOWN:
        table = make(figures)
        drawn = Drawn(*table.head, box=None, pad_edge=False)
        for row in table.rows:
            drawn.add_row(*row)
        if table.rows:
            console.print(drawn, "", markup=False)
    console.print(f"{LATEST.relative_to(ROOT)} holds the figures", highlight=False)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
