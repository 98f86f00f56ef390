"""Runs two replicas of the gateway through schedules in which everything is lost that can be.

Each seed is a schedule of its own. The first one in which a message is told twice or lost is printed with its trace;
`--seed N` prints the trace of a seed.
"""

from __future__ import annotations

import time
from typing import Annotated

import typer
from rich.console import Console

from tests.runner.simulate import SHARE, processes, quiet
from tests.simulation.gateway.schedule import run_schedule, schedule_of

console = Console(highlight=False, soft_wrap=True)


def main(
    schedules: Annotated[int, typer.Option(help="Number of schedules to run.")] = 20_000,
    first: Annotated[int, typer.Option(help="First seed.")] = 0,
    seed: Annotated[int | None, typer.Option(help="Print the trace of this seed.")] = None,
) -> None:
    """Run schedules; the exit code is 0 if every message was told once."""
    quiet()
    if seed is not None:
        _print(seed)
        return
    began = time.monotonic()
    shares = [
        range(start, min(start + SHARE, first + schedules))
        for start in range(first, first + schedules, SHARE)
    ]
    with processes() as pool:
        for share, found in zip(shares, pool.map(check, shares), strict=True):
            if found is not None:
                pool.shutdown(cancel_futures=True)
                _print(found)
                raise typer.Exit(1)
            console.print(f"{share.stop - first:,} schedules after {time.monotonic() - began:.0f} s")


def check(seeds: range) -> int | None:
    """Return the first seed whose schedule violates an invariant, if any."""
    return next((seed for seed in seeds if run_schedule(schedule_of(seed)).violation), None)


def _print(seed: int) -> None:
    outcome = run_schedule(schedule_of(seed))
    console.print("\n".join(outcome.trace), markup=False)
    console.print(f"seed {seed}: {outcome.violation or 'every message is told once'}", markup=False)


if __name__ == "__main__":
    typer.run(main)
