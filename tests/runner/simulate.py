"""Run the real operator through simulated clusters in which everything goes wrong that can.

Each seed is a schedule of its own: interleavings, lost answers, crashes, hand-overs, deletions. The
first one that breaks a promise is told as a short story, with its tape; `--seed N` tells that of any seed and
`--tape HEX` that of any tape. With `--sabotage` the operator makes an old mistake again, and has to be found
out.
"""

from __future__ import annotations

import gc
import logging
import os
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import TYPE_CHECKING, Annotated

import structlog
import typer
from rich.console import Console

from tests.simulation import search
from tests.simulation.sabotage import CachedStore, PiecemealStore

if TYPE_CHECKING:
    from tests.simulation.search import Store

SHARE = 500
"""Schedules that a process is given at once."""
SAY_EVERY = 10.0
"""Seconds between two lines of progress."""
SABOTAGE: dict[str, tuple[Store, str]] = {
    "cached-reads": (CachedStore, "is called after a recorded success"),
    "piecemeal-writes": (PiecemealStore, "a recorded attempt is lost"),
}
"""By name: the store that makes the mistake, and words of the promise that it breaks."""

console = Console(highlight=False, soft_wrap=True)


def main(
    schedules: Annotated[int, typer.Option(help="How many schedules to run.")] = 200_000,
    first: Annotated[int, typer.Option(help="The first seed.")] = 0,
    seed: Annotated[int | None, typer.Option(help="Tell the story of this one instead.")] = None,
    tape: Annotated[str | None, typer.Option(help="Tell the story of this tape, in hex, instead.")] = None,
    sabotage: Annotated[str | None, typer.Option(help=f"Make an old mistake: {', '.join(SABOTAGE)}.")] = None,
) -> None:
    """Run the command; the exit code is 0 when every promise was kept, or the sabotage was found out."""
    quiet()
    if sabotage is not None and sabotage not in SABOTAGE:
        raise typer.BadParameter(
            f"unknown: {sabotage}; there are {', '.join(SABOTAGE)}", param_hint="--sabotage"
        )
    data = search.tape(seed) if seed is not None else None if tape is None else _bytes(tape)
    if data is not None:
        console.print("\n".join(replay(data, sabotage)))
    elif sabotage is not None:
        _find_out(sabotage, range(first, first + schedules))
    else:
        _search(first, schedules)


def replay(data: bytes, sabotage: str | None) -> list[str]:
    """Return the story of a tape, line by line, with the mistake of that name made or none."""
    return search.story(data, SABOTAGE[sabotage][0] if sabotage else None).story


def _bytes(tape: str) -> bytes:
    try:
        return bytes.fromhex(tape)
    except ValueError:
        raise typer.BadParameter(f"not hexadecimal: {tape}", param_hint="--tape") from None


def _search(first: int, schedules: int) -> None:
    began = time.monotonic()
    shares = [
        range(start, min(start + SHARE, first + schedules))
        for start in range(first, first + schedules, SHARE)
    ]
    done = overtaken = 0
    said = began
    with processes() as pool:
        running = {pool.submit(search.judge, share): share for share in shares}
        for finished in as_completed(running):
            broken, late = finished.result()
            if broken is not None:
                pool.shutdown(cancel_futures=True)
                console.print(f"seed {broken} breaks a promise; in short:")
                _tell(search.shortest(search.tape(broken)))
                raise typer.Exit(1)
            done += len(running[finished])
            overtaken += late
            if time.monotonic() - said >= SAY_EVERY:
                said = time.monotonic()
                console.print(f"{done:,} of {schedules:,} schedules after {said - began:.0f} s")
    seconds = time.monotonic() - began
    console.print(f"{done:,} schedules kept every promise, in {seconds:.0f} s ({done / seconds:.0f}/s)")
    console.print(f"{overtaken:,} successes were lost in the one way that cannot be helped (DD-LEDGER-001)")


def _find_out(name: str, seeds: range) -> None:
    store, promise = SABOTAGE[name]
    began = time.monotonic()
    with processes() as pool:
        data = search.simplest(seeds, promise=promise, store=store, pool=pool)
    if data is None:
        console.print(f"{name}: not found out by {len(seeds):,} schedules")
        raise typer.Exit(1)
    console.print(f"{name}: found out, and told in short after {time.monotonic() - began:.0f} s:")
    _tell(data, f"--sabotage {name} ")


def _tell(data: bytes, options: str = "") -> None:
    """Tell the story of a tape, and how it can be told again."""
    console.print(f"\n$ python -m tests.runner.simulate {options}--tape {data.hex()}")
    console.print("\n".join(replay(data, options.removeprefix("--sabotage ").strip() or None)))


def processes() -> ProcessPoolExecutor:
    """Return a process for each core."""
    return ProcessPoolExecutor(os.cpu_count(), initializer=quiet)


def quiet() -> None:
    """Log nothing, and look for garbage seldom: both cost more than they are good for here."""
    gc.freeze()
    gc.set_threshold(100_000)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


if __name__ == "__main__":
    typer.run(main)
