"""What `status` shows, and its exit code."""

from __future__ import annotations

import json
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest
from pulumi.automation import CommandResult, StackNotFoundError
from typer.testing import CliRunner

from tools.platform import cli
from tools.platform.deployment import status
from tools.platform.errors import ExitCode

OUTPUTS = {"namespace": "notification-system", "image": "registry.example/operator:1", "context": "there"}


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A stack with outputs, and the health of its operator."""
    fake: Any = SimpleNamespace(outputs=OUTPUTS, health="ready")
    last = SimpleNamespace(kind="update", result="succeeded", start_time=datetime(2026, 11, 29, 21, 0, 5))  # noqa: DTZ001 - as the engine's
    selected = SimpleNamespace(history=lambda **_page: [last])
    namespace = SimpleNamespace(health=lambda: fake.health)
    monkeypatch.setattr(status, "select_stack", lambda _name: selected)
    monkeypatch.setattr(status, "outputs", lambda _stack: fake.outputs)
    monkeypatch.setattr(status, "cluster_access", lambda _stack: ("text", "there"))
    monkeypatch.setattr(status, "Namespace", lambda _name, **_access: namespace)
    return fake


def test_ready_stack_is_shown_with_its_last_update(stack: SimpleNamespace) -> None:  # noqa: ARG001 - its patches
    result = CliRunner().invoke(cli.app, ["status", "prod"])
    assert result.exit_code == 0
    assert [line.split(maxsplit=1) for line in result.stdout.splitlines() if "update" not in line] == [
        ["stack", "prod"],
        ["cluster", "context there"],
        ["namespace", "notification-system"],
        ["image", "registry.example/operator:1"],
        ["operator", "ready"],
    ]
    assert "succeeded, update, started 2026-11-29 21:00:05 UTC" in result.stdout


def test_document_has_the_same_keys_for_every_stack(stack: SimpleNamespace) -> None:
    up = CliRunner().invoke(cli.app, ["status", "prod", "-o", "json"])
    stack.outputs = {}
    down = CliRunner().invoke(cli.app, ["status", "prod", "-o", "json"])
    assert (up.exit_code, down.exit_code) == (0, ExitCode.FAILED)
    last = {"result": "succeeded", "kind": "update", "started": "2026-11-29T21:00:05Z"}
    assert json.loads(up.stdout) == {
        "stack": "prod",
        "up": True,
        "lastUpdate": last,
        "context": "there",
        "namespace": "notification-system",
        "image": "registry.example/operator:1",
        "operator": "ready",
    }
    empty = dict.fromkeys(("context", "namespace", "image", "operator"), "")
    assert json.loads(down.stdout) == {"stack": "prod", "up": False, "lastUpdate": None, **empty}


def test_operator_that_is_not_ready_is_a_failure(stack: SimpleNamespace) -> None:
    stack.health = "1 of 2 pods ready"
    result = CliRunner().invoke(cli.app, ["status", "prod"])
    assert (result.exit_code, "1 of 2 pods ready" in result.stdout) == (ExitCode.FAILED, True)


def test_stack_without_an_operator_is_no_failure(stack: SimpleNamespace) -> None:
    stack.outputs = {**OUTPUTS, "image": ""}
    result = CliRunner().invoke(cli.app, ["status", "prod"])
    assert (result.exit_code, "operator" in result.stdout) == (0, False)


def test_stack_that_is_not_up_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_name: str) -> None:
        raise StackNotFoundError(CommandResult("", "error: no stack named 'prod' found", 255))

    monkeypatch.setattr(status, "select_stack", missing)
    result = CliRunner().invoke(cli.app, ["status", "prod"])
    assert (result.exit_code, result.stdout) == (ExitCode.FAILED, "prod is not up.\n")
