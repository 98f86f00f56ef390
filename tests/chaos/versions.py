"""The sources of an earlier version of the operator: of the newest tag, or of a commit some time ago."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from tests.harness.operator_sources import checkout
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    import contextlib
    from pathlib import Path

WITHOUT_TAGS = "HEAD~20"


def earlier_sources(revision: str, cleanup: contextlib.ExitStack) -> Path:
    """Return the folder of the operator's packages at a revision; by default of the newest tag.

    Raises:
        UnknownCommitError: there is no such revision.
    """
    sources = cleanup.enter_context(checkout(revision or _newest_tag() or WITHOUT_TAGS))
    return sources.folder / "operator"


def _newest_tag() -> str:
    command = ["git", "describe", "--tags", "--abbrev=0", "HEAD~1"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, check=False, text=True).stdout.strip()
