"""Commands of the runner that are modules with a command line of their own: every argument goes to the module."""

from __future__ import annotations

import os
import sys

import typer

from tools.platform.command_group import PASS_THROUGH

SETTINGS = {**PASS_THROUGH, "help_option_names": []}


def _forwarding(module: str, text: str) -> typer.Typer:
    app = typer.Typer(add_completion=False)

    @app.command(module, help=text, context_settings=SETTINGS)
    def run(context: typer.Context) -> None:
        command = [sys.executable, "-m", f"tests.runner.{module}", *context.args]
        os.execv(command[0], command)  # noqa: S606 - no shell is wanted

    return app


chaos = _forwarding(
    "chaos", "Let everything around the real operator fail, and check its books; see `chaos --help`."
)
fuzz = _forwarding(
    "fuzz", "Run generated notifications and routing documents through the operator; see `fuzz --help`."
)
simulate = _forwarding(
    "simulate", "Run the operator through simulated schedules of faults; see `simulate --help`."
)
mutations = _forwarding(
    "mutations",
    "Break the operator in one place at a time and verify that checks fail; see `mutations --help`.",
)
traces = _forwarding("traces", "Check the simulated traces in the documentation; `--write` updates them.")
