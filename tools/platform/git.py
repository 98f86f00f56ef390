"""Git in a checkout."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from tools.platform.errors import PlatformError

if TYPE_CHECKING:
    from pathlib import Path


def git(*arguments: str, root: Path, given: str = "", **variables: str) -> str:
    """Run git in a checkout, with `given` as its standard input, and return its output."""
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
        raise PlatformError(f"git {arguments[0]} failed: {result.stderr.strip()}")
    return result.stdout


def commit_of(revision: str, root: Path) -> str | None:
    command = ["git", "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"]
    found = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    return found.stdout.strip() or None
