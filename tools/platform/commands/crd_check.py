"""Compare the CRD of this checkout with that of a commit: `python -m tools.platform.commands.crd_check [COMMIT]`.

Without a commit: the last tag, or where there is none the commit before this one. The exit code is 2 when the
definition takes less than it took there.
"""

from __future__ import annotations

import subprocess
import sys

import yaml
from rich.console import Console

from platform_infra.crd.compatibility import problems
from platform_infra.crd.definitions import notification_request
from tools.platform.pulumi.environment import ROOT

FILE = "operator/notification_contract/crds/notificationrequest.yaml"
REFUSED = 2


class NoSuchCommitError(Exception):
    """There is no such commit to compare with, or it has no CRD; the message says which."""


def main(arguments: list[str]) -> int:
    """Run the command."""
    console = Console(highlight=False, markup=False)
    try:
        commit = arguments[0] if arguments else last_release()
        found = problems(yaml.safe_load(at(commit)), notification_request())
    except NoSuchCommitError as error:
        console.print(f"error: {error}")
        return 1
    if not found:
        console.print(f"the CRD takes everything that it took at {commit}.")
        return 0
    console.print(f"the CRD takes less than at {commit}:")
    for reason in found:
        console.print(f"  - {reason}")
    return REFUSED


def last_release() -> str:
    """Return the last tag, or the commit before this one."""
    tag = _git("describe", "--tags", "--abbrev=0")
    return tag.stdout.strip() if tag.returncode == 0 else "HEAD~"


def at(commit: str) -> str:
    """Return the text of the CRD as a commit has it.

    Raises:
        NoSuchCommitError: it has none.
    """
    shown = _git("show", f"{commit}:{FILE}")
    if shown.returncode:
        raise NoSuchCommitError(
            f"{commit} has no {FILE} ({shown.stderr.strip()}); name another commit, and fetch it in a shallow clone"
        )
    return shown.stdout


def _git(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
