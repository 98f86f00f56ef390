"""Compare the CRDs of this checkout with those of a commit."""

from __future__ import annotations

from typing import Annotated

import typer
import yaml

from notification_contract.crds import notification_receiver, notification_request, notification_source
from platform_infra.crd.compatibility import problems
from tools.platform.console import out
from tools.platform.errors import ExitCode, PlatformError
from tools.platform.git import GitError, git
from tools.platform.pulumi.environment import ROOT

FOLDER = "operator/notification_contract/crds"
FILES = {
    f"{FOLDER}/notificationrequest.yaml": notification_request,
    f"{FOLDER}/notificationreceiver.yaml": notification_receiver,
    f"{FOLDER}/notificationsource.yaml": notification_source,
}
"""The function that returns each definition of this checkout, by its file."""


def crd_check(
    commit: Annotated[
        str,
        typer.Argument(
            metavar="COMMIT",
            help="Commit to compare with; by default the last tag, or the previous commit.",
        ),
    ] = "",
) -> None:
    """Check that the CRDs accept what they accepted at a commit.

    A CRD that the commit does not have is new, and accepts more.

    The exit code is 3 if existing or new objects would be rejected.

    Examples: `crd-check`, `crd-check origin/main`.
    """
    commit = commit or last_release()
    incompatibilities = [
        f"{file.rpartition('/')[2]}: {reason}"
        for file, text in crds_at(commit).items()
        for reason in problems(yaml.safe_load(text), FILES[file]())
    ]
    if not incompatibilities:
        out.print(f"The CRDs accept everything that they accepted at {commit}.")
        return
    out.print(f"Incompatible CRD change since {commit}: existing or new objects would be rejected.")
    for reason in incompatibilities:
        out.print(f"  - {reason}")
    raise typer.Exit(ExitCode.DIFFERENT)


def last_release() -> str:
    try:
        return git("describe", "--tags", "--abbrev=0", root=ROOT).strip()
    except GitError:
        return "HEAD~"


def crds_at(commit: str) -> dict[str, str]:
    """Return the text of each CRD in a commit by its file, of those that the commit has."""
    try:
        git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{commit}^{{commit}}", root=ROOT)
    except GitError:
        raise PlatformError(
            f"COMMIT: there is no such tag, branch or commit as {commit!r}",
            hint="`git tag` lists the tags; a shallow clone has to fetch it first",
        ) from None
    texts, reason = {}, ""
    for file in FILES:
        try:
            texts[file] = git("show", f"{commit}:{file}", root=ROOT)
        except GitError as error:
            reason = reason or str(error)
    if not texts:
        raise PlatformError(
            f"{commit} has no CRD in {FOLDER} ({reason})",
            hint="name another commit; a shallow clone has to fetch it first",
        )
    return texts
