"""The plan that `up` and `rollback` show of a lasting stack, and when they ask."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import typer
from typer.testing import CliRunner

from platform_infra.names import ADOPTED
from tools.platform import cli
from tools.platform.deployment import rollback
from tools.platform.deployment import update as up
from tools.platform.deployment.update import Options, confirm_update
from tools.platform.errors import ExitCode, PlatformError
from tools.platform.pulumi.changes import Change, Operation, Property
from tools.platform.pulumi.engine import Engine
from tools.platform.pulumi.stack_file import is_lasting

if TYPE_CHECKING:
    from collections.abc import Callable

SCALED = Change(
    operation=Operation.UPDATE,
    kind="Deployment",
    name="operator",
    properties=(Property(path="spec.replicas", before="2", after="3"),),
)
TAKEN = f"{ADOPTED} these objects:\nClusterRole a: owner none"
STACK: Any = SimpleNamespace(name="prod", workspace=SimpleNamespace(env_vars={}))


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Let the preview report changes and notes, and return the questions that are asked; the answer is `prod`."""

    def plan(*changes: Change, notes: tuple[str, ...] = ()) -> list[str]:
        asked: list[str] = []

        def prompt(question: str, **_options: object) -> str:
            asked.append(question)
            return "prod"

        log = SimpleNamespace(planned=changes, notes=notes)
        monkeypatch.setattr(up, "preview", lambda _stack, **_options: log)
        monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
        monkeypatch.setattr(typer, "prompt", prompt)
        return asked

    return plan


@pytest.mark.parametrize(
    ("stack", "lasting"),
    [("prod", True), ("staging", True), ("dev", False), ("kind", False), ("ci", False), ("pr-7", False)],
)
def test_stack_with_a_cluster_elsewhere_is_lasting(stack: str, *, lasting: bool) -> None:
    assert is_lasting(stack) is lasting


def test_plan_names_each_change_before_the_question(
    planned: Callable[..., list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    asked = planned(SCALED)
    confirm_update(STACK, Options(), lasting=True)
    assert asked == ["To change it, enter its name (prod)"]
    shown = capsys.readouterr().err.splitlines()
    assert shown[-3:] == [
        "`up` changes these resources of prod:",
        "  ~ update Deployment operator",
        "      spec.replicas: 2 → 3",
    ]


def test_nothing_to_change_is_not_asked_about(planned: Callable[..., list[str]]) -> None:
    asked = planned()
    confirm_update(STACK, Options(adopt=True), lasting=True)
    assert asked == []


def test_local_stack_is_asked_only_about_what_it_takes_over(planned: Callable[..., list[str]]) -> None:
    asked = planned(SCALED)
    confirm_update(STACK, Options(adopt=True), lasting=False)
    assert asked == []
    asked = planned(SCALED, notes=(TAKEN,))
    confirm_update(STACK, Options(adopt=True), lasting=False)
    assert asked == ["To take them over, enter its name (prod)"]


def test_yes_shows_the_plan_of_an_adoption_without_a_question(
    planned: Callable[..., list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    asked = planned(notes=(TAKEN,))
    confirm_update(STACK, Options(adopt=True, yes=True), lasting=True)
    assert asked == []
    assert "ClusterRole a: owner none" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("up prod", "up prod --yes"),
        ("up prod --refresh --policy", "up prod --refresh --policy --yes"),
        ("up prod --secrets-provider k://a", "up prod --secrets-provider 'k://a' --yes"),
        ("up dev --adopt", "up dev --adopt --yes"),
        ("rollback staging", "rollback staging --yes"),
    ],
)
def test_missing_terminal_is_refused_before_the_engine_starts(
    monkeypatch: pytest.MonkeyPatch, line: str, hint: str
) -> None:
    monkeypatch.setattr(Engine, "for_stack", lambda *_names, **_more: pytest.fail("the engine was started"))
    result = CliRunner().invoke(cli.app, line.split())
    assert result.exit_code == ExitCode.USAGE
    assert "there is no terminal to ask whether to" in result.stderr
    assert result.stderr.endswith(f"hint: run `tools/notif-platform {hint}`\n")


@pytest.mark.parametrize(("stack", "options"), [("dev", []), ("prod", ["--yes"]), ("prod", ["--dry-run"])])
def test_rollback_without_a_question_goes_on(
    monkeypatch: pytest.MonkeyPatch, stack: str, options: list[str]
) -> None:
    monkeypatch.setattr(rollback, "exists", lambda _name: False)
    result = CliRunner().invoke(cli.app, ["rollback", stack, *options])
    assert f"{stack} is not up" in result.stderr


def test_other_answer_changes_nothing(
    planned: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    planned(SCALED)
    monkeypatch.setattr(typer, "prompt", lambda _question, **_options: "yes")
    with pytest.raises(PlatformError, match="nothing has been changed"):
        confirm_update(STACK, Options(), lasting=True)
