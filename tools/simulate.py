"""Run the real operator through simulated clusters in which everything goes wrong that can.

Each seed is a schedule of its own: interleavings, lost answers, crashes, hand-overs, deletions. The
first one that breaks a promise is told as a story; `--seed N` tells that of any seed. With
`--sabotage` the operator makes an old mistake again, and has to be found out.
"""

from __future__ import annotations

import logging
import os
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import TYPE_CHECKING, Annotated

import structlog
import typer
from rich.console import Console

from tests.property.simulation.sabotage import CachedStore, PiecemealStore
from tests.property.simulation.search import find, shortest, story, tape

if TYPE_CHECKING:
    from tests.property.simulation.search import Store

SHARE = 500
"""Schedules that a process is given at once."""
SAY_EVERY = 10.0
"""Seconds between two lines of progress."""
SABOTAGE: dict[str, tuple[Store, str]] = {
    "cached-reads": (CachedStore, "is called after a"),
    "piecemeal-writes": (PiecemealStore, "a recorded attempt is lost"),
}
"""By name: the store that makes the mistake, and words of the promise that it breaks."""

console = Console(highlight=False, soft_wrap=True)


def main(
    schedules: Annotated[int, typer.Option(help="How many schedules to run.")] = 200_000,
    first: Annotated[int, typer.Option(help="The first seed.")] = 0,
    seed: Annotated[int | None, typer.Option(help="Tell the story of this one instead.")] = None,
    sabotage: Annotated[str | None, typer.Option(help=f"Make an old mistake: {', '.join(SABOTAGE)}.")] = None,
) -> None:
    """Run the command; the exit code is 0 when every promise was kept, or the sabotage was found out."""
    _quiet()
    if sabotage is not None and sabotage not in SABOTAGE:
        raise typer.BadParameter(
            f"unknown: {sabotage}; there are {', '.join(SABOTAGE)}", param_hint="--sabotage"
        )
    if seed is not None:
        told = story(tape(seed), SABOTAGE[sabotage][0] if sabotage else None)
        console.print("\n".join(told.story))
    elif sabotage is not None:
        _find_out(sabotage, range(first, first + schedules))
    else:
        _search(first, schedules)


def _search(first: int, schedules: int) -> None:
    began = time.monotonic()
    shares = [
        range(start, min(start + SHARE, first + schedules))
        for start in range(first, first + schedules, SHARE)
    ]
    done = 0
    said = began
    with ProcessPoolExecutor(os.cpu_count(), initializer=_quiet) as pool:
        running = {pool.submit(find, share): share for share in shares}
        for finished in as_completed(running):
            broken = finished.result()
            if broken is not None:
                pool.shutdown(cancel_futures=True)
                _tell(broken)
                raise typer.Exit(1)
            done += len(running[finished])
            if time.monotonic() - said >= SAY_EVERY:
                said = time.monotonic()
                console.print(f"{done:,} of {schedules:,} schedules after {said - began:.0f} s")
    seconds = time.monotonic() - began
    console.print(f"{done:,} schedules kept every promise, in {seconds:.0f} s ({done / seconds:.0f}/s)")


def _find_out(name: str, seeds: range) -> None:
    store, promise = SABOTAGE[name]
    began = time.monotonic()
    seed = find(seeds, promise=promise, store=store)
    if seed is None:
        console.print(f"{name}: not found out by {len(seeds):,} schedules")
        raise typer.Exit(1)
    console.print(f"{name}: found out by seed {seed} after {time.monotonic() - began:.1f} s; in short:")
    told = story(shortest(tape(seed), promise=promise, store=store), store)
    console.print("\n".join(told.story))


def _tell(seed: int) -> None:
    told = story(shortest(tape(seed)))
    console.print(f"seed {seed} breaks a promise: {told.broken}; in short:")
    console.print("\n".join(told.story))


def _quiet() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


if __name__ == "__main__":
    typer.run(main)
