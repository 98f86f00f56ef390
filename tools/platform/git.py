"""Git in a checkout."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from tools.platform.errors import PlatformError

if TYPE_CHECKING:
    from pathlib import Path


class GitError(PlatformError):
    """Git failed; the message has the reason that it gives."""


def git(*arguments: str, root: Path, given: str = "", **variables: str) -> str:
    """Run git in a checkout, with `given` as its standard input, and return its output.

    Raises:
        GitError: it failed.
    """
    result = subprocess.run(
        ["git", *arguments],
        cwd=root,
        input=given,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        raise GitError(f"git {arguments[0]} failed: {result.stderr.strip()}")
    return result.stdout


def commit_of(revision: str, root: Path) -> str | None:
    """Return the commit that a revision names; None if it names none, or outside a repository."""
    try:
        return git("rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}", root=root).strip()
    except GitError:
        return None
