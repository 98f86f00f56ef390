"""Wrong usage: exit code 2, what is wrong, the nearest name and the form of the command, before anything starts."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from tools.platform import cli
from tools.platform.errors import ExitCode
from tools.platform.pulumi.engine import Engine

HELP = "; `--help` explains it"
PREFLIGHT = f"the form is `tools/notif-platform preflight [OPTIONS] STACK`{HELP}"
DRIFT = f"the form is `tools/notif-platform drift [OPTIONS] [STACK]...`{HELP}"
PREVIEW_UP = f"the form is `tools/notif-platform preview up [OPTIONS] NUMBER`{HELP}"
WRONG = {
    "pervew": (
        "there is no command pervew; did you mean preview?",
        "`tools/notif-platform --help` lists the commands",
    ),
    "preview lst": (
        "there is no command preview lst; did you mean list?",
        "`tools/notif-platform preview --help` lists the commands",
    ),
    "--vers up": (
        "there is no option --vers; did you mean --version?",
        f"the form is `tools/notif-platform [OPTIONS] COMMAND [ARGS]...`{HELP}",
    ),
    "--version=2": ("--version takes no value", "`--help` shows the form of the command"),
    "drift --notfy team": ("drift: there is no option --notfy; did you mean --notify?", DRIFT),
    "drift -x": ("drift: there is no option -x", DRIFT),
    "preflight": ("preflight: STACK is missing", PREFLIGHT),
    "preflight a b c": ("preflight: unexpected argument b c", PREFLIGHT),
    "preview up one": ("preview up: NUMBER one is not a whole number", PREVIEW_UP),
    "preview up 1 --hours 0": ("preview up: --hours 0 is less than 1", PREVIEW_UP),
    "preview up 1 --hours 999": ("preview up: --hours 999 is more than 720", PREVIEW_UP),
    "preview up 1 --summary /": ("preview up: --summary: file '/' is a directory", PREVIEW_UP),
    "preview up 1 --base": (
        "preview up: --base needs a value",
        "`tools/notif-platform preview up --help` shows the form of the command",
    ),
    "up --yes=no": (
        "up: --yes takes no value",
        "`tools/notif-platform up --help` shows the form of the command",
    ),
    "init qa --cluster knd": (
        "init: --cluster knd is none of local, existing, stack, pod, kind; did you mean kind?",
        f"the form is `tools/notif-platform init [OPTIONS] STACK`{HELP}",
    ),
    "down dev --run-program --cluster-gone": (
        "down: --run-program and --cluster-gone exclude each other",
        f"the form is `tools/notif-platform down [OPTIONS] [STACK]`{HELP}",
    ),
    "stacks --changed HEAD": ("--changed HEAD is not FROM..TO", "name two commits, such as HEAD~..HEAD"),
    "release prepare 1.0": ("VERSION '1.0' is no version", "use MAJOR.MINOR.PATCH, such as 0.2.0"),
}


@pytest.fixture(autouse=True)
def no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        Engine, "for_stack", lambda *_arguments, **_more: pytest.fail("the engine was started")
    )


@pytest.mark.parametrize("line", WRONG)
def test_wrong_usage_names_the_problem_and_the_remedy(line: str) -> None:
    problem, remedy = WRONG[line]
    result = CliRunner().invoke(cli.app, line.split(), prog_name="notif-platform")
    assert (result.stderr, result.stdout) == (f"error: {problem}\nhint: {remedy}\n", "")
    assert result.exit_code == ExitCode.USAGE


@pytest.mark.parametrize("line", ["", "preview", "release"])
def test_group_without_a_command_shows_its_help(line: str) -> None:
    result = CliRunner().invoke(cli.app, line.split())
    assert (result.exit_code, result.stdout) == (ExitCode.USAGE, "")
    assert "Commands" in result.stderr
