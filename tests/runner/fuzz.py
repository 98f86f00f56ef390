"""Generates notifications and routing documents, and runs them through the schema and the whole operator.

Each case is forty notifications with hostile contents, a routing document that changes, and a simulated schedule of faults. All
invariants of the simulation hold, every status is valid by the CRD's schema, and only declared errors are raised. A
sample of objects, statuses and damaged specs goes to a real API server, which has to agree with the schema's
validator here. Generated Markdown and templates go through the real render worker.
"""

from __future__ import annotations

import os
import random
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import Annotated

import typer
from rich.console import Console

from tests.fuzz.renderings import RenderingShare, RenderingTally, run_renderings
from tests.fuzz.run import Share, Tally, run_share
from tests.runner.simulate import quiet

CASES_PER_SHARE = 10
RENDERINGS_PER_SHARE = 1000
PROGRESS_INTERVAL = 20.0
"""Seconds between two lines of progress."""

console = Console(highlight=False, soft_wrap=True)


def main(  # noqa: PLR0917 - typer's options
    objects: Annotated[int, typer.Option(min=0, help="Number of notifications to generate.")] = 100_000,
    documents: Annotated[int, typer.Option(min=0, help="Number of routing documents to generate.")] = 10_000,
    renderings: Annotated[
        int, typer.Option(min=0, help="Number of messages and templates that the render worker gets.")
    ] = 3000,
    seed: Annotated[int | None, typer.Option(help="Decides everything; by default a random one.")] = None,
    per_case: Annotated[int, typer.Option(min=1, help="Notifications of one schedule.")] = 40,
    sample: Annotated[
        int, typer.Option(min=0, help="Objects that are also sent to a real API server; 0 for none.")
    ] = 300,
) -> None:
    """Generate and check; the exit code is 1 if something was violated."""
    quiet()
    start = random.SystemRandom().randrange(2**31) if seed is None else seed
    began = time.monotonic()
    console.print(f"seed {start}")
    tallies = _run(_shares(objects, documents, per_case, start), began) if objects else []
    if tallies:
        _print(tallies, time.monotonic() - began)
    failures = [tally for tally in tallies if tally.failure]
    for tally in failures[:1]:
        console.print(f"\nseed {tally.seed} fails:\n{tally.failure}", markup=False)
    disagreements = _compare(tallies, sample) if sample and tallies and not failures else []
    rendered = _render(renderings, start) if renderings else True
    console.print(f"{time.monotonic() - began:.0f} s in total")
    if failures or disagreements or not rendered:
        raise typer.Exit(1)


def _shares(objects: int, documents: int, per_case: int, start: int) -> list[Share]:
    cases = -(-objects // per_case)
    return [
        Share(
            seed=start + first,
            cases=min(CASES_PER_SHARE, cases - first),
            objects_per_case=per_case,
            documents_per_case=-(-documents // cases),
        )
        for first in range(0, cases, CASES_PER_SHARE)
    ]


def _run(shares: list[Share], began: float) -> list[Tally]:
    """Run the shares, and stop after the first failure."""
    tallies: list[Tally] = []
    reported = began
    with ProcessPoolExecutor(os.cpu_count(), initializer=quiet) as pool:
        for finished in as_completed([pool.submit(run_share, share) for share in shares]):
            tallies.append(finished.result())
            if tallies[-1].failure:
                pool.shutdown(cancel_futures=True)
                break
            if time.monotonic() - reported >= PROGRESS_INTERVAL:
                reported = time.monotonic()
                done = sum(tally.objects for tally in tallies)
                console.print(f"{done:,} notifications after {reported - began:.0f} s")
    return tallies


def _print(tallies: list[Tally], seconds: float) -> None:
    def total(name: str) -> int:
        return sum(getattr(tally, name) for tally in tallies)

    console.print(
        f"{total('objects'):,} notifications with {total('writes'):,} status writes, {total('documents'):,} routing documents "
        f"({total('usable_documents'):,} usable), {total('refused_specs'):,} damaged specs refused, in {seconds:.0f} s"
    )


def _render(count: int, start: int) -> bool:
    """Run the cases of the render worker, stop after the first failure, and return whether there is none."""
    began = reported = time.monotonic()
    shares = [
        RenderingShare(seed=start, first=first, count=min(RENDERINGS_PER_SHARE, count - first))
        for first in range(0, count, RENDERINGS_PER_SHARE)
    ]
    tallies: list[RenderingTally] = []
    # Each share takes two processes: its own, and that of its worker.
    with ProcessPoolExecutor(max((os.cpu_count() or 1) // 2, 1), initializer=quiet) as pool:
        for finished in as_completed([pool.submit(run_renderings, share) for share in shares]):
            tallies.append(finished.result())
            if tallies[-1].failure:
                pool.shutdown(cancel_futures=True)
                break
            if time.monotonic() - reported >= PROGRESS_INTERVAL:
                reported = time.monotonic()
                done = sum(tally.cases for tally in tallies)
                console.print(f"{done:,} renderings after {reported - began:.0f} s")
    failed = next((tally.failure for tally in tallies if tally.failure), "")
    console.print(
        f"{sum(tally.cases for tally in tallies):,} renderings in {time.monotonic() - began:.0f} s, "
        f"{sum(tally.refused_templates for tally in tallies):,} with a template that could not be used; longest gap of "
        f"the event loop {max(tally.gap for tally in tallies):.2f} s"
    )
    if failed:
        console.print(f"\nseed {start} fails:\n{failed}", markup=False)
    return not failed


def _compare(tallies: list[Tally], sample: int) -> list[str]:
    # A control plane is needed by this part only.
    from tests.fuzz.server import disagreements  # noqa: PLC0415

    ended = [obj for tally in tallies for obj in tally.ended][:sample]
    specs = [spec for tally in tallies for spec in tally.specs][:sample]
    compared, problems = disagreements(ended, specs)
    console.print(f"{compared:,} answers of a real API server compared, {len(problems)} unexpected")
    for problem in problems[:10]:
        console.print(f"  {problem}", markup=False)
    return problems


if __name__ == "__main__":
    typer.run(main)
