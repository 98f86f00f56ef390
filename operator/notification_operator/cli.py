"""The command line: `run` and `check-config`."""

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
"""New objects, net of freed ones, before a collection of the youngest generation: one or two megabytes."""

UNUSABLE = 2
"""Exit code for invalid settings."""


def _rows(model: type[BaseModel], path: tuple[str, ...] = ()) -> Iterator[str]:
    for name, field in model.model_fields.items():
        default: Any = field.default
        if isinstance(default, BaseModel):
            yield from _rows(type(default), (*path, name))
        else:
            variable = ENV_PREFIX + "__".join((*path, name)).upper()
            yield f"{'.'.join((*path, name))} (default {default}): {field.description}\n\n    {variable}"


SETTINGS_HELP = "Settings, by file or environment variable:\n\n" + "\n\n".join(_rows(Settings))

app = typer.Typer(
    help="Delivers NotificationRequests and records the outcome in their status.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config", help=f"Settings file. Defaults to {DEFAULT_CONFIG_FILE} if it exists.", show_default=False
    ),
]


@app.command(epilog=SETTINGS_HELP)
def run(config: ConfigFile = None) -> None:
    """Run the operator until SIGTERM or Ctrl-C, with the pod's service account or a kubeconfig."""
    settings = _load(config or (DEFAULT_CONFIG_FILE if DEFAULT_CONFIG_FILE.exists() else None))
    log.configure(settings.log, rules(settings.sanitizer))
    _skip_synchronous_client()
    # Imported late: check-config needs neither kopf nor a Kubernetes client.
    import uvloop  # noqa: PLC0415

    from notification_operator.kopf_app import run as run_operator  # noqa: PLC0415
    from notification_operator.kube.client import UnreachableError  # noqa: PLC0415

    _freeze_imports()
    try:
        lost = uvloop.run(run_operator(settings))
    except SettingsError as error:
        raise _invalid(error) from None
    except (UnreachableError, OSError) as error:
        typer.echo(f"notification-operator: {error}", err=True)
        raise typer.Exit(1) from None
    if lost:
        raise typer.Exit(1)


@app.command("check-config")
def check_config(
    file: Annotated[Path, typer.Argument(help="Settings file.", show_default=False)],
) -> None:
    """Validate a settings file and list every problem."""
    _load(file)
    typer.echo(f"{file}: ok")


def _skip_synchronous_client() -> None:
    """Import `kubernetes` without running its `__init__`, which loads the synchronous client: 6 MB, half a second."""
    spec = importlib.util.find_spec("kubernetes")
    if spec is not None and "kubernetes" not in sys.modules:
        sys.modules["kubernetes"] = importlib.util.module_from_spec(spec)


def _freeze_imports() -> None:
    """Exclude the imported objects from garbage collection, and collect less often.

    They live as long as the process; a collection of them takes 0.1 s, in which nothing is delivered.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE)


def _load(file: Path | None) -> Settings:
    try:
        return load(file)
    except SettingsError as error:
        raise _invalid(error) from None


def _invalid(error: SettingsError) -> typer.Exit:
    for problem in error.problems:
        typer.echo(f"notification-operator: {problem}", err=True)
    return typer.Exit(UNUSABLE)
