"""The command line: `notif`, `kubectl notif`, and `python -m notification_cli`."""

from __future__ import annotations

import importlib.util
import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from notification_cli.boundary import CommandLine, ending
from notification_cli.commands.beat import beat
from notification_cli.commands.cancel import cancel
from notification_cli.commands.check import check
from notification_cli.commands.completion import completion
from notification_cli.commands.drill import drill
from notification_cli.commands.incident import incident
from notification_cli.commands.lint import lint
from notification_cli.commands.ls import ls
from notification_cli.commands.receivers import receivers, send_test
from notification_cli.commands.render import render
from notification_cli.commands.replay import redrive, replay
from notification_cli.commands.route import route
from notification_cli.commands.send import send
from notification_cli.commands.show import show, why
from notification_cli.commands.source import source
from notification_cli.commands.suspend import resume, suspend
from notification_cli.commands.top import top
from notification_cli.commands.version import version
from notification_cli.commands.web import web
from notification_operator import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

EPILOG = (
    "Exit codes: 0 success; 1 the answer is no, such as not delivered, not found or invalid; 2 wrong usage; "
    "3 the cluster does not respond or refuses; 4 --wait took too long."
)

app = typer.Typer(
    name="notif",
    cls=CommandLine,
    add_completion=False,
    help="Send, list and explain notifications, with your kubeconfig and your rights.",
    epilog=EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(value: bool) -> None:  # noqa: FBT001 - a flag's callback
    if value:
        typer.echo(f"notif {__version__}")
        raise typer.Exit


@app.callback()
def options(
    *,
    shows_version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Send, list and explain notifications, with your kubeconfig and your rights."""


COMMANDS: Mapping[str, Callable[..., int]] = {
    "ls": ls,
    "show": show,
    "why": why,
    "incident": incident,
    "send": send,
    "cancel": cancel,
    "receivers": receivers,
    "suspend": suspend,
    "resume": resume,
    "test": send_test,
    "replay": replay,
    "redrive": redrive,
    "drill": drill,
    "beat": beat,
    "top": top,
    "render": render,
    "lint": lint,
    "web": web,
    "check": check,
    "version": version,
    "completion": completion,
}
for name, command in COMMANDS.items():
    app.command(name)(ending(command))
app.add_typer(route, name="route")
app.add_typer(source, name="source")


def main() -> None:
    """Run the command line under the name that it was called by."""
    name = "kubectl notif" if os.path.basename(sys.argv[0]).startswith("kubectl-") else "notif"  # noqa: PTH119 - pathlib takes longer to load
    run(name)


def run(name: str) -> None:
    """Run the command line under a name."""
    # The __init__ modules of the Kubernetes client import all of it: 260 modules and 0.1 s more than what is used.
    for package in ("kubernetes", "kubernetes.aio"):
        if (spec := importlib.util.find_spec(package)) is not None:
            sys.modules.setdefault(package, importlib.util.module_from_spec(spec))
    app(prog_name=name)
