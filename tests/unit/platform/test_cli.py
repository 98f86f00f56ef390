"""The command line: every command has help, errors have one exit code each, make only forwards."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import typer
from typer.testing import CliRunner

from tests.runner.__main__ import COMMANDS as RUNNER_COMMANDS
from tests.runner.__main__ import app as runner
from tools.localcluster.toolchain import ToolchainError
from tools.platform import cli
from tools.platform.command_group import lazy_group
from tools.platform.demo import demonstration as demo
from tools.platform.errors import PlatformError
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from pathlib import Path

OWN_HELP = {"chaos", "fuzz", "pulumi", "simulate", "mutations", "traces"}
"""Commands whose `--help` is that of another program."""
HEAVY = {"pulumi"}
"""The command whose options are those of the engine."""
SLOW = {"pulumi", "kubernetes", "platform_infra.settings.model", "urllib3", "rich.markdown"}
"""Modules that take a tenth of a second or more to import."""
VERSION = (ROOT / "VERSION").read_text("utf-8").strip()
MAKE_CALL = re.compile(r"^\t\$\((PLATFORM|RUNNER)\) ([a-z-]+)", re.MULTILINE)

failing = typer.Typer(add_completion=False)


@failing.command()
def fail(kind: str) -> None:
    raise {
        "expected": PlatformError("it failed", hint="repair it"),
        "toolchain": ToolchainError("no compiler"),
        "interrupted": KeyboardInterrupt(),
        "bug": RuntimeError("a bug"),
    }[kind]


@pytest.fixture
def app() -> typer.Typer:
    group = typer.Typer(cls=lazy_group({"fail": f"{__name__}:failing"}))
    group.callback()(lambda: None)
    return group


@pytest.mark.parametrize("option", ["-h", "--help"])
@pytest.mark.parametrize("command", sorted(cli.COMMANDS.keys() - OWN_HELP))
def test_every_platform_command_has_help(command: str, option: str) -> None:
    result = CliRunner().invoke(cli.app, [command, option])
    assert result.exit_code == 0
    assert "Usage:" in result.stdout
    assert not re.search(r" <\w", result.stdout), "types of Python"


@pytest.mark.parametrize("command", sorted(RUNNER_COMMANDS.keys() - OWN_HELP))
def test_every_runner_command_has_help(command: str) -> None:
    result = CliRunner().invoke(runner, [command, "--help"])
    assert result.exit_code == 0
    assert "Usage:" in result.stdout


def test_version_of_the_checkout_is_shown() -> None:
    result = CliRunner().invoke(cli.app, ["--version"])
    assert (result.exit_code, result.stdout) == (0, f"notif-platform {VERSION}\n")


def test_help_lists_every_command() -> None:
    text = CliRunner().invoke(cli.app, ["--help"]).stdout
    assert all(re.search(rf"^  {command} ", text, re.MULTILINE) for command in cli.COMMANDS)


@pytest.mark.parametrize("group", [[], ["preview"], ["release"]])
def test_summary_of_a_command_fits_in_its_line(group: list[str]) -> None:
    text = CliRunner().invoke(cli.app, [*group, "--help"], prog_name="notif-platform").stdout
    assert "..." not in text.partition("Commands:")[2]


def test_help_and_wrong_usage_import_nothing_slow() -> None:
    lines = [["--help"], ["nope"], *([command, "-h"] for command in sorted(cli.COMMANDS.keys() - HEAVY))]
    program = (
        "import sys; from typer.testing import CliRunner; from tools.platform.cli import app;"
        f"print({{int(CliRunner().invoke(app, line).exit_code) for line in {lines!r}}});"
        f"print(sorted({SLOW} & sys.modules.keys()))"
    )
    output = subprocess.check_output([sys.executable, "-P", "-c", program], cwd=ROOT, text=True)
    assert output.splitlines() == ["{0, 2}", "[]"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("argument", "code", "text"),
    [
        ("-h", 0, "Usage: notif-platform [OPTIONS] COMMAND"),
        ("--version", 0, f"notif-platform {VERSION}"),
        ("nonsense", 2, "hint: notif-platform --help lists the commands"),
    ],
)
def test_commands_run_from_any_folder(tmp_path: Path, argument: str, code: int, text: str) -> None:
    """As from a link on PATH, where the caller has a package `tools`."""
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "__init__.py").write_text("raise RuntimeError")
    link = tmp_path / "notif-platform"
    link.symlink_to(ROOT / "tools" / "notif-platform")
    done = subprocess.run([link, argument], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert text in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("kind", "code", "text"),
    [
        ("expected", 1, "error: it failed\nhint: repair it\n"),
        ("toolchain", 1, "error: no compiler\n"),
        ("interrupted", 130, "interrupted: run the same command again to continue.\n"),
    ],
)
def test_expected_error_has_a_message_and_an_exit_code(
    app: typer.Typer, kind: str, code: int, text: str
) -> None:
    result = CliRunner().invoke(app, ["fail", kind])
    assert (result.exit_code, result.stderr, result.stdout) == (code, text, "")


def test_unexpected_error_keeps_its_traceback(app: typer.Typer) -> None:
    result = CliRunner().invoke(app, ["fail", "bug"])
    assert isinstance(result.exception, RuntimeError)


def test_demo_names_a_stack_that_is_not_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(demo, "kubeconfig_path", lambda _stack: tmp_path / "kubeconfig")
    with pytest.raises(PlatformError, match="prod is not up"):
        demo.show("prod")


def test_make_targets_forward_to_existing_commands() -> None:
    calls = MAKE_CALL.findall((ROOT / "Makefile").read_text("utf-8"))
    platform = {command for program, command in calls if program == "PLATFORM"}
    tests = {command for program, command in calls if program == "RUNNER"}
    assert platform <= cli.COMMANDS.keys()
    assert tests <= RUNNER_COMMANDS.keys()
