"""Commands of the runner that are modules with a command line of their own: every argument goes to the module."""

from __future__ import annotations

import os
import sys

import typer

from tools.platform.command_group import PASS_THROUGH

SETTINGS = {**PASS_THROUGH, "help_option_names": []}

chaos = typer.Typer(add_completion=False)
fuzz = typer.Typer(add_completion=False)
simulate = typer.Typer(add_completion=False)
mutations = typer.Typer(add_completion=False)
traces = typer.Typer(add_completion=False)


@chaos.command("chaos", context_settings=SETTINGS)
def run_chaos(context: typer.Context) -> None:
    """Let everything around the real operator fail, and check its books; see `chaos --help`."""
    _run("chaos", context.args)


@fuzz.command("fuzz", context_settings=SETTINGS)
def run_fuzz(context: typer.Context) -> None:
    """Run generated notifications and routing documents through the operator; see `fuzz --help`."""
    _run("fuzz", context.args)


@simulate.command("simulate", context_settings=SETTINGS)
def run_simulation(context: typer.Context) -> None:
    """Run the operator through simulated schedules of faults; see `simulate --help`."""
    _run("simulate", context.args)


@mutations.command("mutations", context_settings=SETTINGS)
def run_mutations(context: typer.Context) -> None:
    """Break the operator in one place at a time and verify that checks fail; see `mutations --help`."""
    _run("mutations", context.args)


@traces.command("traces", context_settings=SETTINGS)
def check_traces(context: typer.Context) -> None:
    """Check the simulated traces in the documentation; `--write` updates them."""
    _run("traces", context.args)


def _run(module: str, arguments: list[str]) -> None:
    command = [sys.executable, "-m", f"tests.runner.{module}", *arguments]
    os.execv(command[0], command)  # noqa: S606 - no shell is wanted
