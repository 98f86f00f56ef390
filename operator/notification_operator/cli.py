"""The command line: `run`, `check-config`, `audit-replay` and `audit-verify`."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import structlog
import typer
from pydantic import BaseModel

from notification_contract import __version__
from notification_contract.settings import SETTINGS_VERSION
from notification_domain.redaction.redactor import rules
from notification_operator.observers.audit.chain import Verification, numbered_lines
from notification_runtime.command_help import Verb
from notification_runtime.kube.imports import freeze_imports, skip_unused_clients
from notification_runtime.rendering.confinement import protect_memory
from notification_runtime.settings import (
    DEFAULT_CONFIG_FILE,
    ENV_PREFIX,
    Settings,
    SettingsError,
    load,
)
from notification_runtime.telemetry import logging as log

if TYPE_CHECKING:
    from collections.abc import Iterator

SWITCH_SECONDS = 0.001
"""Seconds after which a thread that computes, such as one that redacts, gives way to the event loop; by default five times as many."""
UNUSABLE = 2
"""Exit code for invalid settings."""

logger = structlog.get_logger(__name__)


def _rows(model: type[BaseModel], path: tuple[str, ...] = ()) -> Iterator[str]:
    for name, field in model.model_fields.items():
        default: Any = field.default
        if isinstance(default, BaseModel):
            yield from _rows(type(default), (*path, name))
        else:
            variable = ENV_PREFIX + "__".join((*path, name)).upper()
            yield f"{'.'.join((*path, name))} (default: {_written(default)}): {field.description}\n\n    {variable}"


def _written(default: Any) -> str:  # noqa: ANN401 - of any setting
    """Return a default as it would be written in a settings file."""
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, float):
        return f"{default:g}"
    if default is None or isinstance(default, (tuple, frozenset, dict)):
        return ", ".join(map(str, default or ())) or "none"
    return str(default) or "none"


SETTINGS_HELP = "Settings, by file or environment variable:\n\n" + "\n\n".join(_rows(Settings))

app = typer.Typer(
    name="notification-operator",
    help="Delivers NotificationRequests and records the outcome in their status.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help=f"Settings file. Defaults to {DEFAULT_CONFIG_FILE} if it exists.",
        show_default=False,
    ),
]


def _show_version(value: bool) -> None:  # noqa: FBT001 - a flag's callback
    if value:
        typer.echo(f"notification-operator {__version__}")
        raise typer.Exit


@app.callback()
def options(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Deliver NotificationRequests and record the outcome in their status."""


@app.command(cls=Verb, epilog=SETTINGS_HELP)
def run(config: ConfigFile = None) -> None:
    """Run the operator until SIGTERM or Ctrl-C. It uses the pod's service account or a kubeconfig."""
    protect_memory()
    settings = _load(config or (DEFAULT_CONFIG_FILE if DEFAULT_CONFIG_FILE.exists() else None))
    log.configure(settings.log, rules(settings.sanitizer))
    _warn_of_ignored(settings)
    skip_unused_clients()
    # Imported late: check-config needs neither kopf nor a Kubernetes client.
    import uvloop  # noqa: PLC0415

    from notification_operator.app import run as run_operator  # noqa: PLC0415
    from notification_runtime.kube.client import UnreachableError  # noqa: PLC0415

    freeze_imports()
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        lost = uvloop.run(run_operator(settings))
    except SettingsError as error:
        raise _invalid(error) from None
    except (UnreachableError, OSError) as error:
        typer.echo(f"notification-operator: {error}", err=True)
        raise typer.Exit(1) from None
    if lost:
        raise typer.Exit(1)


@app.command("check-config", cls=Verb)
def check_config(
    file: Annotated[Path, typer.Argument(help="Settings file.", show_default=False)],
) -> None:
    """Validate a settings file and list every problem."""
    settings = _load(file)
    typer.echo(f"{file}: ok")
    if settings.ignored:
        typer.echo(
            f"notification-operator: {file}: needs version {settings.file_version} of the settings; this operator has version "
            f"{SETTINGS_VERSION} and ignores {', '.join(settings.ignored)}",
            err=True,
        )


@app.command("audit-replay", cls=Verb)
def audit_replay(
    config: ConfigFile = None,
    namespace: Annotated[
        list[str] | None,
        typer.Option(
            help="Namespace to replay; repeatable. Defaults to the watched namespaces.", show_default=False
        ),
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ"],
            help="Only notifications that finished at this time in UTC or later.",
            show_default=False,
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count the events, and send none.")] = False,  # noqa: FBT002 - a flag
    patience: Annotated[
        float, typer.Option(min=0, help="Seconds without an accepted event after which the replay ends.")
    ] = 120.0,
) -> None:
    """Send audit events of finished notifications again. The store gets them with the same ids.

    Exit codes: 0 when the store has every event, 1 when events or the cluster are missing, 2 for invalid settings.
    """
    settings = _load(config or (DEFAULT_CONFIG_FILE if DEFAULT_CONFIG_FILE.exists() else None))
    if not (settings.audit.url or dry_run):
        raise _invalid(
            SettingsError(["audit.url: is empty, so there is no audit store to replay to; set it"])
        )
    log.configure(settings.log, rules(settings.sanitizer))
    skip_unused_clients()
    from notification_operator.observers.audit import replay  # noqa: PLC0415 - likewise
    from notification_runtime.kube.requests import KubeError  # noqa: PLC0415 - check-config needs no client

    def report(progress: replay.Progress) -> None:
        typer.echo(f"notifications {progress.notifications}, events {progress.events}", err=True)

    selection = replay.Selection(
        namespaces=tuple(namespace or ()), since=since.replace(tzinfo=UTC) if since else None
    )
    work = replay.run(settings, selection, dry_run=dry_run, patience=patience, report=report)
    try:
        result = asyncio.run(work)
    except (KubeError, replay.StalledError, OSError) as error:
        typer.echo(f"notification-operator: {error}", err=True)
        raise typer.Exit(1) from None
    counts = "none sent" if dry_run else f"{result.written} accepted, {result.lost} refused"
    typer.echo(f"{result.events} events of {result.notifications} finished notifications: {counts}")
    if result.lost:
        raise typer.Exit(1)


@app.command("audit-verify", cls=Verb)
def audit_verify(
    files: Annotated[list[Path], typer.Argument(help="Audit files, oldest first.", show_default=False)],
    contains: Annotated[
        list[str] | None,
        typer.Option(
            help="Hash that a line must have, from the log; repeatable. Finds lines that were removed from the end.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Find lost, changed, moved and added lines of audit files.

    Exit codes: 0 for an intact chain, 1 when a line is named, 2 when a file cannot be read.
    """
    verification = Verification(hashes_to_meet=set(contains or ()))
    problems = 0
    try:
        for problem in verification.problems(numbered_lines(files)):
            problems += 1
            typer.echo(problem, err=True)
    except OSError as error:
        typer.echo(f"notification-operator: {error.filename}: {error.strerror}", err=True)
        raise typer.Exit(UNUSABLE) from None
    for missing in sorted(verification.hashes_to_meet):
        problems += 1
        typer.echo(f"no line has the hash {missing}: lines are missing at the end, or were changed", err=True)
    if problems:
        raise typer.Exit(1)
    typer.echo(verification.summary())


def _warn_of_ignored(settings: Settings) -> None:
    if settings.ignored:
        logger.warning(
            "settings ignored",
            settings=list(settings.ignored),
            settings_version_of_file=settings.file_version,
            settings_version=SETTINGS_VERSION,
            hint="update the operator's image, or remove these settings",
        )


def _load(file: Path | None) -> Settings:
    try:
        return load(file)
    except SettingsError as error:
        raise _invalid(error) from None


def _invalid(error: SettingsError) -> typer.Exit:
    for problem in error.problems:
        typer.echo(f"notification-operator: {problem}", err=True)
    return typer.Exit(UNUSABLE)
