"""Operators of earlier versions, from the history of this repository. No version was released with a tag before them."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Final

import pytest

from tests.bench.compare import UnknownCommitError, checkout
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    import contextlib
    from collections.abc import Mapping
    from pathlib import Path

EARLIER: Final[Mapping[str, str]] = {
    "without-shards": "430449bdf4e7cb82115b51962152645417110ff3",
    "without-receivers": "28f806ac87afa51184a30d0830f66a44ad467182",
    "with-drills": "6f6f5933603a5796fd725508b2e94f7a4e364ba6",
}
"""Commits by what their operator has or lacks. All of them refuse every setting that they do not know."""


def earlier_operator(name: str, cleanup: contextlib.ExitStack) -> Path:
    """Return the folder of the packages of an earlier operator; a test in a shallow clone is skipped."""
    try:
        return cleanup.enter_context(checkout(EARLIER[name])) / "operator"
    except UnknownCommitError:
        if not _is_shallow():
            raise
        pytest.skip("a shallow clone has no earlier operators: run `git fetch --unshallow`")


def _is_shallow() -> bool:
    command = ["git", "rev-parse", "--is-shallow-repository"]
    return (
        subprocess.run(command, cwd=ROOT, capture_output=True, check=False, text=True).stdout.strip()
        == "true"
    )
