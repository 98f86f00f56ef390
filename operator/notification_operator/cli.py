"""The command line: run the operator, or check a settings file."""

from __future__ import annotations

import gc
import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import BaseModel

from notification_operator.config.settings import (
    DEFAULT_CONFIG_FILE,
    ENV_PREFIX,
    Settings,
    SettingsError,
    load,
)
from notification_operator.domain.redaction.redactor import rules
from notification_operator.telemetry import logging as log

if TYPE_CHECKING:
    from collections.abc import Iterator

GARBAGE = 10_000
"""New objects beyond those that went, before the youngest are looked through: a megabyte or two."""

UNUSABLE = 2
"""Exit code for settings that cannot be used."""


def _rows(model: type[BaseModel], path: tuple[str, ...] = ()) -> Iterator[str]:
    for name, field in model.model_fields.items():
        default: Any = field.default
        if isinstance(default, BaseModel):
            yield from _rows(type(default), (*path, name))
        else:
            variable = ENV_PREFIX + "__".join((*path, name)).upper()
            yield f"{'.'.join((*path, name))} (default {default}): {field.description}\n\n    {variable}"


SETTINGS_HELP = "Settings, by file or by environment variable:\n\n" + "\n\n".join(_rows(Settings))

app = typer.Typer(
    help="Delivers NotificationRequests and keeps what happened in their status.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config", help=f"The settings file; {DEFAULT_CONFIG_FILE} where it exists.", show_default=False
    ),
]


@app.command(epilog=SETTINGS_HELP)
def run(config: ConfigFile = None) -> None:
    """Run the operator, in a pod or with the usual kubeconfig rules, until SIGTERM or Ctrl-C."""
    settings = _load(config or (DEFAULT_CONFIG_FILE if DEFAULT_CONFIG_FILE.exists() else None))
    log.configure(settings.log, rules(settings.sanitizer))
    _leave_out_the_synchronous_client()
    # Imported late: checking a file needs neither kopf nor a client.
    import uvloop  # noqa: PLC0415

    from notification_operator.kopf_app import run as run_operator  # noqa: PLC0415
    from notification_operator.kube.client import UnreachableError  # noqa: PLC0415

    _leave_imports_alone()
    try:
        lost = uvloop.run(run_operator(settings))
    except SettingsError as error:
        raise _unusable(error) from None
    except (UnreachableError, OSError) as error:
        typer.echo(f"notification-operator: {error}", err=True)
        raise typer.Exit(1) from None
    if lost:
        raise typer.Exit(1)


@app.command("check-config")
def check_config(
    file: Annotated[Path, typer.Argument(help="The settings file.", show_default=False)],
) -> None:
    """Check a settings file, and list every problem in it."""
    _load(file)
    typer.echo(f"{file}: ok")


def _leave_out_the_synchronous_client() -> None:
    """Take the package `kubernetes` for a mere folder of `kubernetes.aio`.

    Its own `__init__` loads the synchronous client with all that it stands on: 6 MB and half a second.
    """
    spec = importlib.util.find_spec("kubernetes")
    if spec is not None and "kubernetes" not in sys.modules:
        sys.modules["kubernetes"] = importlib.util.module_from_spec(spec)


def _leave_imports_alone() -> None:
    """Take what is imported by now out of every later garbage collection, and have fewer of them.

    It stays to the end anyway; to look through it takes a tenth of a second, in which nothing is delivered.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE)


def _load(file: Path | None) -> Settings:
    try:
        return load(file)
    except SettingsError as error:
        raise _unusable(error) from None


def _unusable(error: SettingsError) -> typer.Exit:
    for problem in error.problems:
        typer.echo(f"notification-operator: {problem}", err=True)
    return typer.Exit(UNUSABLE)
