"""The command line of the operator: the options without a command."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from notification_contract import __version__
from notification_operator.cli import app


@pytest.mark.slow
def test_version_is_printed_without_a_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "notification_operator", "--version"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, f"notification-operator {__version__}\n", "")


def test_help_names_version_and_every_command() -> None:
    result = CliRunner().invoke(app, ["--help"])
    assert result.exit_code == 0
    assert result.output.startswith("Usage: ")
    assert "..." not in result.output.partition("Commands:")[2]
    assert CliRunner().invoke(app, ["-h"]).output == result.output
    for word in ("--version", "run", "check-config", "audit-replay", "audit-verify"):
        assert word in result.output
    for command in ("check-config", "audit-replay", "audit-verify"):
        assert not re.search(
            " [<{]", CliRunner().invoke(app, [command, "--help"]).output.partition("Options:")[2]
        )
