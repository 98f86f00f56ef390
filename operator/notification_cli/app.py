"""The command line: `notif`, `kubectl notif`, and `python -m notification_cli`."""

from __future__ import annotations

import importlib.util
import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from notification_cli.boundary import CommandLine
from notification_contract import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping

COMMANDS: Mapping[str, tuple[str, str]] = {
    "ls": ("ls:ls", "List notifications, in the order of namespace and name."),
    "show": ("show:show", "Show a notification, its targets and its timeline."),
    "why": ("show:why", "Explain where a notification goes and what happens next."),
    "incident": ("incident:incident", "Show the events of an incident, and what each target got."),
    "top": ("top:top", "Show figures of the notifications by namespace."),
    "send": ("send:send", "Create a notification."),
    "cancel": ("cancel:cancel", "Cancel a notification that is not delivered yet: delete it."),
    "replay": ("replay:replay", "Send a finished notification to the targets that missed it."),
    "redrive": ("replay:redrive", "Send many failed notifications again, at a bounded rate."),
    "receivers": ("receivers:receivers", "List receivers with their health, or show one of them."),
    "test": ("receivers:send_test", "Let the operator send a test message to a receiver."),
    "suspend": ("suspend:suspend", "Hold the messages of a receiver."),
    "resume": ("suspend:resume", "Deliver the messages of a suspended receiver again."),
    "drill": ("drill:drill", "Send marked messages to receivers, to see whether they arrive."),
    "source": ("source:source", "List, show and test the sources of messages."),
    "beat": ("beat:beat", "Send a heartbeat for a source of the type heartbeat."),
    "route": ("route:route", "Test the routing rules."),
    "render": ("render:render", "Show what a notification looks like for a receiver."),
    "lint": ("lint:lint", "Validate notifications, receivers, sources and routing rules."),
    "web": ("web:web", "Serve a read-only page on this machine."),
    "check": ("check:check", "Check the installation, each line with its hint."),
    "version": ("version:version", "Show the versions of notif, of the operator and of Kubernetes."),
    "completion": ("completion:completion", "Write the script that completes commands in a shell."),
}
"""Module and function of each command, and the line that help shows of it: only the command that runs is imported."""
EPILOG = (
    "Exit codes: 0 success; 1 the answer is no, such as not delivered, not found or invalid; 2 wrong usage; "
    "3 the cluster does not respond or refuses; 4 --wait took too long."
)

app = typer.Typer(
    name="notif",
    cls=type("Notif", (CommandLine,), {"modules": COMMANDS}),
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
