"""Completion in a shell: commands, options, and the stacks that have a file."""

from __future__ import annotations

import os
import subprocess

import pytest
from typer.testing import CliRunner

from tools.platform import cli
from tools.platform.command_group import _loaded
from tools.platform.errors import ExitCode
from tools.platform.pulumi.environment import ROOT

VARIABLE = "_NOTIF_PLATFORM_COMPLETE"
NEW = {("init", "stack"), ("init", "owner")}
"""Names of stacks that need no file."""


def completed(words: str) -> list[str]:
    """Return what bash offers for the last word."""
    variables = {
        VARIABLE: "complete_bash",
        "COMP_WORDS": f"notif-platform {words}",
        "COMP_CWORD": str(len(words.split(" "))),
    }
    return CliRunner().invoke(cli.app, env=variables, prog_name="notif-platform").stdout.split()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("pr", ["preflight", "preview", "promote"]),
        ("status ", ["ci", "dev", "kind", "prod", "staging"]),
        ("drift prod st", ["staging"]),
        ("preview list --base k", ["kind"]),
        ("promote --stack p", ["prod"]),
        ("stacks --output ", ["text", "json"]),
        ("down --cl", ["--cluster-gone"]),
        ("completion z", ["zsh"]),
    ],
)
def test_commands_options_choices_and_stacks_are_completed(words: str, offered: list[str]) -> None:
    assert completed(words) == offered


@pytest.mark.parametrize("command", sorted(cli.COMMANDS))
def test_every_name_of_a_stack_is_completed(command: str) -> None:
    parameters = _loaded(cli.COMMANDS[command], command).params
    named = [each for each in parameters if each.metavar == "STACK" and (command, each.name) not in NEW]
    assert all(each._custom_shell_complete for each in named)  # noqa: SLF001 - typer declares no public name


@pytest.mark.parametrize(
    ("shell", "first"),
    [
        ("bash", "_notif_platform_completion() {"),
        ("zsh", "#compdef notif-platform"),
        ("fish", "complete --command notif-platform"),
    ],
)
def test_script_of_a_shell_asks_this_program(shell: str, first: str) -> None:
    result = CliRunner().invoke(cli.app, ["completion", shell])
    assert (result.exit_code, result.stdout.startswith(first)) == (0, True)
    assert f"{VARIABLE}=complete_{shell}" in result.stdout


def test_other_shell_is_refused() -> None:
    result = CliRunner().invoke(cli.app, ["completion", "tcsh"])
    assert (result.exit_code, result.stdout) == (ExitCode.USAGE, "")
    assert "SHELL: 'tcsh' is not allowed\nhint: use one of bash, zsh, fish" in result.stderr


@pytest.mark.slow
def test_bash_completes_a_stack_with_the_script() -> None:
    script = (
        "source <(tools/notif-platform completion bash); COMP_WORDS=(tools/notif-platform diff st); COMP_CWORD=2; "
        '_notif_platform_completion tools/notif-platform; echo "${COMPREPLY[@]}"; complete -p notif-platform'
    )
    done = subprocess.run(
        ["bash", "--norc", "-c", script],
        cwd=ROOT,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.splitlines() == [
        "staging",
        "complete -o default -F _notif_platform_completion notif-platform",
    ]
