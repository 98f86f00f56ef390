"""Compare the CRD of this checkout with that of a commit."""

from __future__ import annotations

import subprocess
from typing import Annotated

import typer
import yaml

from platform_infra.crd.accepted import unaccepted
from platform_infra.crd.compatibility import problems
from platform_infra.crd.definitions import notification_request
from tools.platform.console import out
from tools.platform.errors import ExitCode, PlatformError
from tools.platform.pulumi.environment import ROOT

FILE = "operator/notification_contract/crds/notificationrequest.yaml"

app = typer.Typer(add_completion=False)


class NoSuchCommitError(PlatformError):
    """The commit does not exist, or has no CRD."""


@app.command()
def crd_check(
    commit: Annotated[
        str,
        typer.Argument(
            metavar="COMMIT",
            help="Commit to compare with; by default the last tag, or the previous commit.",
        ),
    ] = "",
) -> None:
    """Check that the CRD accepts everything that it accepted at a commit.

    The exit code is 2 if existing or new objects would be rejected.

    Examples: `crd-check`, `crd-check origin/main`.
    """
    commit = commit or last_release()
    reported = problems(yaml.safe_load(crd_at(commit)), notification_request())
    incompatibilities = unaccepted(reported)
    if not incompatibilities:
        accepted = f", except for {len(reported)} first bounds of a field (DD-CRD-002)" if reported else ""
        out.print(f"The CRD accepts everything that it accepted at {commit}{accepted}.")
        return
    out.print(f"Incompatible CRD change since {commit}: existing or new objects would be rejected.")
    for reason in incompatibilities:
        out.print(f"  - {reason}")
    raise typer.Exit(ExitCode.DIFFERENT)


def last_release() -> str:
    """Return the last tag, or the previous commit."""
    tag = _git("describe", "--tags", "--abbrev=0")
    return tag.stdout.strip() if tag.returncode == 0 else "HEAD~"


def crd_at(commit: str) -> str:
    """Return the text of the CRD in a commit.

    Raises:
        NoSuchCommitError: the commit does not have it.
    """
    result = _git("show", f"{commit}:{FILE}")
    if result.returncode:
        raise NoSuchCommitError(
            f"{commit} has no {FILE} ({result.stderr.strip()})",
            hint="name another commit; a shallow clone has to fetch it first",
        )
    return result.stdout


def _git(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
