"""The operator's source of a commit."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.harness.operator_sources import UnknownCommitError, checkout
from tools.platform.pulumi.environment import ROOT


def test_checkout_has_a_runnable_operator_of_the_commit() -> None:
    with checkout("HEAD") as sources:
        result = subprocess.run(
            [sys.executable, "-c", "import notification_operator.cli as cli; print(cli.__file__)"],
            env={"PYTHONPATH": str(sources.folder / "operator")},
            capture_output=True,
            text=True,
            check=True,
        )
        assert result.stdout.startswith(str(sources.folder))


def test_sources_without_a_revision_are_those_of_this_checkout() -> None:
    with checkout("") as sources:
        assert (sources.folder, sources.commit != "") == (ROOT, True)


def test_unknown_commit_is_reported() -> None:
    with pytest.raises(UnknownCommitError, match="no commit 0000000"), checkout("0000000"):
        pass
