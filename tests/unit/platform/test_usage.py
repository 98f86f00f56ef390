"""Wrong usage: exit code 2, what is wrong, the nearest name and the form of the command, before anything starts."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from tools.platform import cli
from tools.platform.errors import ExitCode
from tools.platform.pulumi.engine import Engine

LINES = {
    "pervew": "there is no command 'pervew'; did you mean preview?|notif-platform --help lists the commands",
    "preview lst": "there is no command 'lst'; did you mean list?|notif-platform preview --help lists the commands",
    "--vers up": "there is no option --vers; did you mean --version?|notif-platform --help lists the options",
    "--version=2": "--version takes no value|leave out what follows =",
    "drift --notfy x": "there is no option --notfy; did you mean --notify?|notif-platform drift --help lists the options",
    "drift -x": "there is no option -x|notif-platform drift --help lists the options",
    "preflight": "name a STACK, or use --ci for the environments of all stacks|notif-platform preflight --help lists the options",
    "release publish v1": (
        "--registry is missing|add --registry REGISTRY: Where the image and the chart go, such as ghcr.io/example."
    ),
    "preflight a b c": (
        "unexpected argument 'b c'|notif-platform preflight takes [STACK]; notif-platform preflight --help lists the options"
    ),
    "preview up one": "NUMBER: 'one' is not allowed|use a whole number",
    "preview up 1 --hours 999": "--hours: '999' is not allowed|use a whole number from 1 to 720",
    "preview up 1 --summary /": "--summary: file '/' is a directory|notif-platform preview up --help lists the options",
    "preview up 1 --base": "--base needs a value|write --base VALUE",
    "up --yes=no": "--yes takes no value|leave out what follows =",
    "init qa --cluster knd": "--cluster: 'knd' is not allowed|use one of local, existing, stack, pod, kind",
    "down dev --run-program --cluster-gone": (
        "--run-program and --cluster-gone exclude each other|leave out one of them"
    ),
    "preflight dev --roles -o json": "--roles and --output json exclude each other|leave out one of them",
    "init pr-7": "pr-7 is the name of a preview|`preview up` creates it",
    "stacks --changed HEAD": "--changed HEAD is not FROM..TO|name two commits, such as HEAD~..HEAD",
    "release prepare 1.0": "VERSION '1.0' is no version|use MAJOR.MINOR.PATCH, such as 0.2.0",
}
"""Wrong usage, and its problem and hint."""


@pytest.fixture(autouse=True)
def no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        Engine, "for_stack", lambda *_arguments, **_more: pytest.fail("the engine was started")
    )


@pytest.mark.parametrize("line", LINES)
def test_wrong_usage_names_the_problem_and_the_remedy(line: str) -> None:
    problem, hint = LINES[line].split("|")
    result = CliRunner().invoke(cli.app, line.split(), prog_name="notif-platform")
    assert (result.stderr, result.stdout) == (f"error: {problem}\nhint: {hint}\n", "")
    assert result.exit_code == ExitCode.USAGE


@pytest.mark.parametrize("line", ["", "preview", "release"])
def test_group_without_a_command_shows_its_help(line: str) -> None:
    result = CliRunner().invoke(cli.app, line.split())
    assert (result.exit_code, result.stdout) == (ExitCode.USAGE, "")
    assert "Commands" in result.stderr
