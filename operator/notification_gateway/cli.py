"""The command line of the gateway: `serve` and `check-config`."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads annotations at run time
from typing import TYPE_CHECKING, Annotated

import typer

from notification_contract import __version__, names
from notification_gateway.config import load
from notification_runtime.command_help import Verb
from notification_runtime.kube.imports import freeze_imports, skip_unused_clients
from notification_runtime.rendering.confinement import protect_memory
from notification_runtime.settings import DEFAULT_CONFIG_FILE, SettingsError
from notification_runtime.telemetry import logging as log

if TYPE_CHECKING:
    from notification_gateway.config import Settings

UNUSABLE = 2
"""Exit code for invalid settings."""

app = typer.Typer(
    name=names.GATEWAY,
    help="Takes messages in over HTTP, and stores each as a NotificationRequest.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(value: bool) -> None:  # noqa: FBT001 - a flag's callback
    if value:
        typer.echo(f"{names.GATEWAY} {__version__}")
        raise typer.Exit


@app.callback()
def options(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Take messages in over HTTP, and store each as a NotificationRequest."""


@app.command(cls=Verb)
def serve(
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            metavar="FILE",
            help=f"Settings file. Defaults to {DEFAULT_CONFIG_FILE} if it exists.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Run the gateway until SIGTERM or Ctrl-C, with the pod's service account or a kubeconfig."""
    protect_memory()
    settings = _load(config or (DEFAULT_CONFIG_FILE if DEFAULT_CONFIG_FILE.exists() else None))
    log.configure(settings.log)
    skip_unused_clients()
    # Imported late: check-config needs no Kubernetes client.
    import uvloop  # noqa: PLC0415

    from notification_gateway.app import run  # noqa: PLC0415
    from notification_runtime.kube.client import UnreachableError  # noqa: PLC0415

    freeze_imports()
    try:
        uvloop.run(run(settings))
    except (UnreachableError, OSError) as error:
        typer.echo(f"{names.GATEWAY}: {error}", err=True)
        raise typer.Exit(1) from None


@app.command("check-config", cls=Verb)
def check_config(file: Annotated[Path, typer.Argument(help="Settings file.", show_default=False)]) -> None:
    """Validate a settings file and list every problem."""
    _load(file)
    typer.echo(f"{file}: ok")


def _load(file: Path | None) -> Settings:
    try:
        return load(file)
    except SettingsError as error:
        for problem in error.problems:
            typer.echo(f"{names.GATEWAY}: {problem}", err=True)
        raise typer.Exit(UNUSABLE) from None
