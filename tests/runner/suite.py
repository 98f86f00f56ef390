"""Run the stack tests on a stack that stays up between runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tests.harness import kept
from tests.harness.operators import OPERATORS
from tests.runner.stack_tests import run_on
from tools.platform.command_group import PASS_THROUGH
from tools.platform.console import out
from tools.platform.errors import ExitCode, PlatformError

if TYPE_CHECKING:
    from tests.harness.place import EphemeralStack

StackName = Annotated[str, typer.Option("--stack", metavar="NAME", help="Name of the stack.")]

app = typer.Typer(no_args_is_help=True, add_completion=False)


class SuiteNotUpError(PlatformError):
    """The stack of the suite is not up."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name} is not up", hint="run `tools/with-env python -m tests.runner suite up` first"
        )


@app.callback()
def suite() -> None:
    """Run the stack tests on a stack that stays up between runs."""


@app.command()
def up(
    *,
    stack: StackName = kept.DEFAULT,
    only: Annotated[
        list[str] | None, typer.Option(metavar="OPERATOR", help="Update only this operator; may be repeated.")
    ] = None,
) -> None:
    """Bring the stack up, or deploy the current code to it."""
    if unknown := [name for name in only or () if name not in OPERATORS]:
        raise typer.BadParameter(
            f"unknown: {', '.join(unknown)}; choose from {', '.join(OPERATORS)}", param_hint="--only"
        )
    out.print(_description(kept.keep(stack, only)))


@app.command(context_settings=PASS_THROUGH)
def run(context: typer.Context, *, stack: StackName = kept.DEFAULT) -> None:
    """Run the stack tests; other arguments go to pytest, for example `suite run --check retry-02`."""
    with kept.locked(stack, exclusive=False):
        present = kept.find(stack)
        if present is None:
            raise SuiteNotUpError(stack)
        if not run_on(present, context.args):
            raise typer.Exit(ExitCode.FAILED)


@app.command()
def down(*, stack: StackName = kept.DEFAULT) -> None:
    """Take the stack down."""
    kept.drop(stack)
    out.print(f"{stack} is down.")


@app.command()
def status(*, stack: StackName = kept.DEFAULT) -> None:
    """Print whether the stack is up, and its addresses."""
    present = kept.find(stack)
    out.print(f"{stack} is not up." if present is None else _description(present))


def _description(stack: EphemeralStack) -> str:
    return f"{stack.name} is up.\n  export KUBECONFIG={stack.kubeconfig}\n  sink {stack.sink}  proxy {stack.proxy}"
