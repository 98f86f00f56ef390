"""Measures what one failing receiver does to all notifications that need it, in simulated time.

The figures are those of DD-BREAKER-002 and DD-DESTINATION-001. `--http` uses a real server, and takes minutes.
"""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer
from rich.console import Console

from tests.runner.simulate import quiet
from tests.simulation.load import simulate
from tests.simulation.load_scenarios import SCENARIOS, http_outage

console = Console(highlight=False, soft_wrap=True)


def main(
    only: Annotated[list[str] | None, typer.Option(help=f"Scenario: {', '.join(SCENARIOS)}.")] = None,
    http: Annotated[bool, typer.Option(help="Measure an outage of a real server, in real time.")] = False,  # noqa: FBT002
) -> None:
    """Run the scenarios and print their figures."""
    quiet()
    if http:
        show("outage over HTTP", asyncio.run(http_outage()))
        return
    if unknown := [name for name in only or () if name not in SCENARIOS]:
        raise typer.BadParameter(f"unknown scenario: {', '.join(unknown)}", param_hint="--only")
    for name in only or SCENARIOS:
        show(name, simulate(SCENARIOS[name]))


def show(name: str, figures: dict[str, float]) -> None:
    """Print the figures of a scenario."""
    console.print(name)
    for label, figure in figures.items():
        console.print(f"  {figure:>10.6g}  {label}")


if __name__ == "__main__":
    typer.run(main)
