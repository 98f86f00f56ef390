"""A name without a stack is refused: no command creates a stack for a mistyped name."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from tools.platform import cli
from tools.platform.errors import ExitCode
from tools.platform.pulumi import stack as stacks
from tools.platform.pulumi.engine import Engine
from tools.platform.pulumi.environment import ROOT, STATE
from tools.platform.pulumi.stack_file import UnknownStackError, check_name

if TYPE_CHECKING:
    from pathlib import Path

LOGIN = "s3://team"
REFUSED = (
    "error: there is no stack prdo: stacks/Pulumi.prdo.yaml does not exist; did you mean prod?\n"
    "hint: the stacks are ci, dev, kind, prod, staging; `tools/notif-platform init prdo` writes the file of a new one\n"
)
BY_FILE = (
    ["up", "prdo"],
    ["preflight", "prdo"],
    ["diff", "dev", "prdo"],
    ["policy", "prdo"],
    ["rollback", "prdo"],
    ["alerts", "prdo"],
    ["promote", f"r.example/o@sha256:{'1' * 64}", "--stack", "prdo"],
)
BY_FILE_OR_STATE = (
    ["down", "prdo"],
    ["drift", "dev", "prdo"],
    ["status", "prdo"],
    ["demo", "prdo"],
    ["preview", "list", "--base", "prdo"],
    ["preview", "up", "1", "--base", "prdo"],
    ["preview", "down", "1", "--base", "prdo"],
    ["preview", "reap", "--base", "prdo"],
)


def in_the_words_of(arguments: list[str]) -> str:
    return " ".join(arguments)


@pytest.fixture(autouse=True)
def no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """No command starts the engine, and none has another backend."""
    monkeypatch.delenv("PULUMI_BACKEND_URL", raising=False)
    monkeypatch.setattr(stacks, "login_url", lambda: "")
    monkeypatch.setattr(
        Engine, "for_stack", lambda *_arguments, **_more: pytest.fail("the engine was started")
    )


@pytest.mark.parametrize("arguments", BY_FILE, ids=in_the_words_of)
def test_stack_without_a_file_is_refused_before_anything_starts(arguments: list[str]) -> None:
    result = CliRunner().invoke(cli.app, arguments)
    assert (result.exit_code, result.stderr, result.stdout) == (ExitCode.USAGE, REFUSED, "")
    assert not (ROOT / "stacks" / "Pulumi.prdo.yaml").exists()


@pytest.mark.parametrize("arguments", BY_FILE_OR_STATE, ids=in_the_words_of)
def test_name_that_neither_files_nor_state_have_is_refused(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stacks, "folder_of", lambda _url: None)
    monkeypatch.setattr(stacks, "known_stacks", lambda *_arguments, **_more: {"dev"})
    result = CliRunner().invoke(cli.app, arguments)
    assert (result.exit_code, result.stderr, result.stdout) == (ExitCode.USAGE, REFUSED, "")


def test_state_that_does_not_exist_is_not_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(stacks, "folder_of", lambda _url: tmp_path / "state")
    assert CliRunner().invoke(cli.app, ["down", "prdo"]).stderr == REFUSED


def test_stack_of_the_state_counts_without_its_file(tmp_path: Path) -> None:
    check_name("old", tmp_path, recorded=("old",))
    with pytest.raises(UnknownStackError, match="did you mean old") as caught:
        check_name("odl", tmp_path, recorded=("old",))
    assert caught.value.hint.startswith("the stacks are old; ")


def test_name_that_resembles_no_stack_has_no_proposal(tmp_path: Path) -> None:
    with pytest.raises(UnknownStackError) as caught:
        check_name("production-of-europe", tmp_path)
    assert str(caught.value).endswith("does not exist")
    assert caught.value.hint.startswith("there are no stacks; ")


@pytest.mark.parametrize(("recorded", "url"), [({"dev"}, LOGIN), ({"dev", "old"}, STATE)])
def test_stack_whose_file_was_deleted_is_looked_for_in_both_backends(
    recorded: set[str], url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PULUMI_BACKEND_URL", "")
    monkeypatch.setattr(stacks, "login_url", lambda: LOGIN)
    monkeypatch.setattr(stacks, "STATE_FOLDER", tmp_path)
    monkeypatch.setattr(stacks, "known_stacks", lambda *, stack: recorded if stack == "old" else set())
    stacks.use_backend_with("old")
    assert os.environ["PULUMI_BACKEND_URL"] == url
