"""Run the Pulumi command line in the environment of this checkout."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer
from pulumi.automation import StackNotFoundError

from tools.platform.command_group import PASS_THROUGH
from tools.platform.pulumi.engine import Engine, workspace_of
from tools.platform.pulumi.stack_file import check_configuration, check_name
from tools.platform.pulumi.state.backend import URL
from tools.platform.pulumi.state.protection import check_protection

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CHECKED = frozenset({"up", "update", "preview", "pre"})
"""Pulumi's commands that run the program: the configuration is checked as a whole first."""

LOGIN = frozenset({"login", "logout"})

app = typer.Typer(add_completion=False)


@app.command(context_settings={**PASS_THROUGH, "help_option_names": []})
def pulumi(context: typer.Context) -> None:
    """Run the Pulumi command line; all arguments go to it.

    It gets the pinned engine, and backend and passphrase of the stack that `--stack` names. Before `up` and `preview` the
    whole configuration is checked, values of `--config` included.

    Examples: `pulumi preview -s dev`, `pulumi stack ls`.
    """
    arguments = context.args
    stack = stack_of(arguments)
    if stack:
        check_protection(stack)
    engine = Engine.for_stack(stack or "")
    if stack and CHECKED.intersection(arguments[:1]):
        check(engine, arguments)
    # A login decides itself about the backend, and warns about the variable.
    code = engine.run(arguments, without=[URL] if LOGIN.intersection(arguments[:1]) else ())
    raise typer.Exit(code if code >= 0 else 128 - code)


def check(engine: Engine, arguments: Sequence[str]) -> None:
    """Check the configuration that Pulumi's command line would use; a missing stack that has a file is left to Pulumi."""
    file = next(iter(_values_of(arguments, "--config-file")), "")
    try:
        entries = workspace_of(engine).resolved_config(engine.stack, config_file=file)
    except StackNotFoundError:
        check_name(engine.stack.rpartition("/")[2])
        return
    # A path into a list or map is left to the program, which checks the result.
    pairs = () if "--config-path" in arguments else _values_of(arguments, "-c", "--config")
    overrides = {key: value for key, equals, value in (pair.partition("=") for pair in pairs) if equals}
    check_configuration(engine.stack, entries, overrides)


def stack_of(arguments: Sequence[str]) -> str | None:
    return next(iter(_values_of(arguments, "-s", "--stack")), None)


def _values_of(arguments: Sequence[str], *options: str) -> Iterator[str]:
    """Yield each value of an option, separate or after `=`."""
    for position, word in enumerate(arguments):
        if word in options and position + 1 < len(arguments):
            yield arguments[position + 1]
        for option in options:
            if option.startswith("--") and word.startswith(f"{option}="):
                yield word.removeprefix(f"{option}=")
