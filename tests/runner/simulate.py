"""Runs the real operator through simulated clusters in which everything goes wrong that can.

Each seed is a schedule of its own: interleavings, lost answers, crashes, handovers, deletions. The first one that
violates an invariant is printed as a short trace with its choices. `--seed N` prints the trace of a seed, and
`--choices HEX` that of given choices. `--inject FAULT` makes the operator repeat an old mistake, which has to be
found.
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
from tests.simulation.injected_faults import CachedStore, PiecemealStore

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.simulation.search import Store

SHARE = 500
"""Schedules per task of a process pool."""
PROGRESS_INTERVAL = 10.0
"""Seconds between two lines of progress."""
FAULTS: dict[str, tuple[Store, str]] = {
    "cached-reads": (CachedStore, "is called after a recorded success"),
    "piecemeal-writes": (PiecemealStore, "a recorded attempt is lost"),
}
"""The injected faults by name: the store with the fault, and words of the violation that it causes."""

console = Console(highlight=False, soft_wrap=True)


def main(
    schedules: Annotated[int, typer.Option(help="Number of schedules to run.")] = 200_000,
    first: Annotated[int, typer.Option(help="First seed.")] = 0,
    seed: Annotated[int | None, typer.Option(help="Print the trace of this seed.")] = None,
    choices: Annotated[str | None, typer.Option(help="Print the trace of these choices, in hex.")] = None,
    inject: Annotated[str | None, typer.Option(help=f"Inject a fault: {', '.join(FAULTS)}.")] = None,
    *,
    incidents: Annotated[
        bool, typer.Option("--incidents", help="Run schedules with incidents alone: a sixth of the seeds.")
    ] = False,
) -> None:
    """Run schedules; the exit code is 0 if all invariants held, or if the injected fault was found."""
    quiet()
    if inject is not None and inject not in FAULTS:
        raise typer.BadParameter(
            f"unknown fault: {inject}; known: {', '.join(FAULTS)}", param_hint="--inject"
        )
    data = search.choices(seed) if seed is not None else None if choices is None else _bytes(choices)
    if data is not None:
        console.print("\n".join(replay(data, inject)))
        return
    seeds = search.with_incidents(first, schedules) if incidents else range(first, first + schedules)
    if inject is not None:
        _find_fault(inject, seeds)
    else:
        _search(seeds)


def replay(data: bytes, fault: str | None) -> list[str]:
    """Return the trace of some choices, line by line, with an injected fault or none."""
    return search.trace(data, FAULTS[fault][0] if fault else None).trace


def _bytes(choices: str) -> bytes:
    try:
        return bytes.fromhex(choices)
    except ValueError:
        raise typer.BadParameter(f"not hexadecimal: {choices}", param_hint="--choices") from None


def _search(seeds: Sequence[int]) -> None:
    began = reported = time.monotonic()
    shares = [seeds[start : start + SHARE] for start in range(0, len(seeds), SHARE)]
    done = overtaken = incidents = 0
    with processes() as pool:
        running = {pool.submit(search.check, share): share for share in shares}
        for finished in as_completed(running):
            share = finished.result()
            if share.violating is not None:
                pool.shutdown(cancel_futures=True)
                console.print(f"seed {share.violating} violates an invariant; the shortest trace:")
                _print_trace(search.shortest(search.choices(share.violating)))
                raise typer.Exit(1)
            done += len(running[finished])
            overtaken += share.overtaken
            incidents += share.incidents
            if time.monotonic() - reported >= PROGRESS_INTERVAL:
                reported = time.monotonic()
                console.print(f"{done:,} of {len(seeds):,} schedules after {reported - began:.0f} s")
    seconds = time.monotonic() - began
    console.print(f"{done:,} schedules, all invariants held, in {seconds:.0f} s ({done / seconds:.0f}/s)")
    console.print(f"{incidents:,} incidents, each right at every far end (DD-INCIDENT-001)")
    console.print(f"{overtaken:,} successes were lost in the one unavoidable way (DD-LEDGER-001)")


def _find_fault(name: str, seeds: Sequence[int]) -> None:
    store, violation = FAULTS[name]
    began = time.monotonic()
    with processes() as pool:
        data = search.simplest(seeds, violation=violation, store=store, pool=pool)
    if data is None:
        console.print(f"{name}: not found in {len(seeds):,} schedules")
        raise typer.Exit(1)
    console.print(f"{name}: found and shrunk in {time.monotonic() - began:.0f} s:")
    _print_trace(data, name)


def _print_trace(data: bytes, fault: str | None = None) -> None:
    """Print the trace of some choices, and the command that prints it again."""
    options = f"--inject {fault} " if fault else ""
    console.print(f"\n$ python -m tests.runner.simulate {options}--choices {data.hex()}")
    console.print("\n".join(replay(data, fault)))


def processes() -> ProcessPoolExecutor:
    """Return a pool with a process per core."""
    return ProcessPoolExecutor(os.cpu_count(), initializer=quiet)


def quiet() -> None:
    """Disable logging and collect garbage rarely: both cost more than they are worth here."""
    gc.freeze()
    gc.set_threshold(100_000)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


if __name__ == "__main__":
    typer.run(main)
