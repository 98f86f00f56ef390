"""The error boundary of the command line: expected errors become one message and an exit code, never a traceback."""

from __future__ import annotations

import contextlib
import difflib
import errno
import json
import signal
from enum import IntEnum
from typing import TYPE_CHECKING, Any

import typer

from tools.platform.console import err

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class ExitCode(IntEnum):
    """Exit codes of every command; docs/ci.md documents them."""

    FAILED = 1
    USAGE = 2
    DIFFERENT = 3
    """The command worked, and what it compared differs."""
    INTERRUPTED = 128 + signal.SIGINT


FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
"""Errors of a disk that is full, and of a user's share of it."""


class PlatformError(Exception):
    """An expected failure; the message says what failed, and `hint` what to do about it.

    It ends in the error boundary. A docstring names only those that a caller handles.
    """

    code: ExitCode = ExitCode.FAILED

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class UsageError(PlatformError):
    """The command line cannot be used; nothing has been started."""

    code = ExitCode.USAGE


def nearest(name: str, known: Iterable[str]) -> str:
    """Return a question that proposes the nearest of the known names, or nothing."""
    close = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.5)
    return f"; did you mean {close[0]}?" if close else ""


@contextlib.contextmanager
def error_boundary() -> Iterator[None]:
    """Report an expected error or an interruption, and exit with its code; anything else passes as a bug."""
    try:
        yield
    except typer.Exit:
        raise
    except KeyboardInterrupt:
        err.print("interrupted: run the same command again to continue.")
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    except PlatformError as error:
        err.print(f"error: {explain(error)}")
        raise typer.Exit(error.code) from None
    except OSError as error:
        if error.errno not in FULL:
            raise
        err.print(f"error: {error}")
        raise typer.Exit(ExitCode.FAILED) from None
    except expected_errors() as error:
        err.print(f"error: {explain(error)}")
        raise typer.Exit(ExitCode.FAILED) from None


def explain(error: BaseException) -> str:
    if isinstance(error, PlatformError):
        return f"{error}\nhint: {error.hint}" if error.hint else str(error)
    # Imported after a failure only: these packages are slow to import, and most commands need few of them.
    from kubernetes.client.exceptions import ApiException  # noqa: PLC0415
    from pulumi.automation import CommandError  # noqa: PLC0415

    from tools.platform.pulumi.events import explain_engine_error  # noqa: PLC0415

    if isinstance(error, CommandError):
        return explain_engine_error(error)
    if isinstance(error, ApiException):
        return f"the API server answered {error.status} {error.reason}: {_api_message(error.body)}"
    return str(error)


def _api_message(body: Any) -> str:  # noqa: ANN401 - the client declares no type
    try:
        return str(json.loads(body)["message"])
    except (TypeError, ValueError, KeyError):
        return str(body or "no message").strip()


def expected_errors() -> tuple[type[Exception], ...]:
    # Imported after a failure only, as above.
    from kubernetes.client.exceptions import ApiException  # noqa: PLC0415
    from pulumi.automation import CommandError  # noqa: PLC0415
    from urllib3.exceptions import HTTPError  # noqa: PLC0415

    from platform_infra.cluster.local.errors import LocalNodeError  # noqa: PLC0415
    from platform_infra.image.build import ImageError  # noqa: PLC0415
    from platform_infra.settings.reader import SettingsError  # noqa: PLC0415
    from tools.localcluster.image.commands import NodeImageError  # noqa: PLC0415
    from tools.localcluster.runtime.dockerd import DockerUnavailableError  # noqa: PLC0415
    from tools.localcluster.toolchain import ToolchainError  # noqa: PLC0415

    return (
        PlatformError,
        CommandError,
        ToolchainError,
        DockerUnavailableError,
        NodeImageError,
        ImageError,
        LocalNodeError,
        SettingsError,
        ApiException,
        HTTPError,
    )
