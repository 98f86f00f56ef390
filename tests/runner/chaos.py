"""Lets everything around the real operator fail, on an API server and etcd that run as local processes.

Each scenario is a script: kills, refused and lost answers, outages, other clocks, full disks, two versions. At the end its
books are checked: what the receiver saw is what the statuses record, every notification is final in time, and a
delivery id is repeated only where the scenario excuses it.
"""

from __future__ import annotations

import time
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from tests.chaos.catalogue import SCENARIOS, chosen
from tests.chaos.clock import library
from tests.chaos.run import FOLDER, Options, Result, run
from tools.platform.errors import error_boundary
from tools.platform.processes import terminated_as_interrupted

console = Console(highlight=False, soft_wrap=True)


def main(  # noqa: PLR0917 - typer's options
    only: Annotated[
        list[str] | None, typer.Option(help="Run the scenarios whose names contain this word; repeatable.")
    ] = None,
    skip: Annotated[
        list[str] | None, typer.Option(help="Leave out those whose names contain it; repeatable.")
    ] = None,
    lanes: Annotated[int, typer.Option(min=1, help="API servers that scenarios run on at once.")] = 3,
    seed: Annotated[int, typer.Option(help="Decides the random moments.")] = 0,
    earlier: Annotated[
        str, typer.Option(metavar="REV", help="The second version; by default the newest tag.")
    ] = "",
    show: Annotated[bool, typer.Option("--list", help="List the scenarios, and run none.")] = False,  # noqa: FBT002
) -> None:
    """Run scenarios; the exit code is 1 if one lost something, or repeated what it should not."""
    scenarios = chosen(only or (), skip or ())
    if not scenarios:
        raise typer.BadParameter("no scenario has such a name; see --list", param_hint="--only")
    if show:
        for each in scenarios:
            console.print(f"{each.name}: {each.sentence}")
        return
    with error_boundary():
        if any(each.name.startswith("clock") for each in scenarios):
            library()
    began = time.monotonic()
    options = Options(lanes=min(lanes, len(scenarios)), seed=seed, earlier=earlier)
    with terminated_as_interrupted():
        results = run(scenarios, options, report=_report)
    console.print(table(results))
    _print_failures(results)
    passed = sum(result.passed for result in results)
    seconds = time.monotonic() - began
    console.print(f"{passed} of {len(results)} scenarios passed in {seconds:.0f} s, seed {seed}")
    if passed < len(results):
        raise typer.Exit(1)


def table(results: list[Result]) -> Table:
    """Return a row per scenario, in the order of the catalogue."""
    drawn = Table("scenario", box=None, pad_edge=False)
    for head in ("objects", "hits", "recorded", "repeats", "lost", "seconds"):
        drawn.add_column(head, justify="right")
    drawn.add_column("result")
    for result in sorted(results, key=lambda each: SCENARIOS.index(each.scenario)):
        books = result.books
        numbers = (books.objects, books.hits, books.recorded, books.repeats, books.lost)
        drawn.add_row(
            result.scenario.name,
            *map(str, numbers),
            f"{result.seconds:.0f}",
            "ok" if result.passed else "[red]FAILED[/red]",
        )
    return drawn


def _report(result: Result) -> None:
    state = "ok" if result.passed else "FAILED"
    console.print(f"{result.scenario.name}: {state} after {result.seconds:.0f} s")


def _print_failures(results: list[Result]) -> None:
    for result in results:
        if not result.passed:
            console.print(f"\n{result.scenario.name}: {result.scenario.sentence}")
            for problem in result.books.problems:
                console.print(f"  {problem}", markup=False)
            console.print(f"  logs: {FOLDER / result.scenario.name}")


if __name__ == "__main__":
    typer.run(main)
