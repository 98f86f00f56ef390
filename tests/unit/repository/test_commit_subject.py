"""The commit-msg hook accepts imperative subjects of at most 72 characters."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from pathlib import Path


def run(message: str, folder: Path) -> subprocess.CompletedProcess[str]:
    file = folder / "COMMIT_EDITMSG"
    file.write_text(message)
    return subprocess.run(
        [ROOT / "tools" / "commit-subject", file], check=False, capture_output=True, text=True
    )


@pytest.mark.parametrize(
    "message",
    [
        "Add a page\n",
        f"A{'d' * 71}\n",
        "# comment\nAdd a page\n\nThe reason.\n",
        "fixup! add: anything.\nmore\n",
    ],
)
def test_valid_message_is_accepted(message: str, tmp_path: Path) -> None:
    assert run(message, tmp_path).returncode == 0


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        ("", "the subject is empty"),
        (f"A{'d' * 72}\n", "73 characters, at most 72"),
        ("feat: add a page\n", "lowercase letter or a prefix"),
        ("Add a page.\n", "ends with a period"),
        ("Add a page\nThe reason.\n", "the line after the subject is not empty"),
    ],
)
def test_invalid_message_is_rejected_with_the_problem(message: str, problem: str, tmp_path: Path) -> None:
    result = run(message, tmp_path)
    assert result.returncode == 1
    assert problem in result.stderr
