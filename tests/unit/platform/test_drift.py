"""`drift`: what counts as drift, the notification about it, and the exit codes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from pulumi.automation import CommandError, CommandResult
from pulumi.automation.events import EngineEvent
from typer.testing import CliRunner

from notification_cli.views.lint import files as lint
from notification_client._message import notification
from tools.platform.cli import app
from tools.platform.deployment import drift
from tools.platform.errors import ExitCode
from tools.platform.pulumi.events import EventLog
from tools.platform.pulumi.stack_file import StackFileError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Unpack

    from notification_client import Options

PREFIX = "urn:pulumi:prod::notification-platform::kubernetes:apps/v1"


def outcome(op: str, kind: str, name: str, *paths: str, **states: Any) -> EngineEvent:
    """The outcome of one step of a refresh, in the engine's form."""
    metadata = {
        "op": op,
        "urn": f"{PREFIX}:{kind}::{name}",
        "detailedDiff": {path: {"diffKind": "update"} for path in paths} or None,
        **states,
    }
    return EngineEvent.from_json({"resOutputsEvent": {"metadata": metadata, "planning": True}})


def logged(*events: EngineEvent) -> EventLog:
    log = EventLog()
    for event in events:
        log.on_event(event)
    return log


SAME = outcome("same", "Service", "metrics")
SCALED = outcome(
    "update",
    "Deployment",
    "operator",
    "spec.replicas",
    old={"id": "notification-system/notification-operator", "inputs": {"spec": {"replicas": 3}}},
    new={"inputs": {"spec": {"replicas": 1}}},
)
DELETED = outcome("delete", "Service", "metrics", old={"id": "notification-system/metrics", "inputs": {}})
TEXT = [
    "- delete Service notification-system/metrics",
    "~ update Deployment notification-system/notification-operator",
    "    spec.replicas: 3 → 1",
]


@pytest.fixture
def stacks(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str]]:
    """Run `drift` on stacks whose refresh reports the given events, or fails."""

    def run(*arguments: str, **outcomes: list[EngineEvent] | None) -> tuple[int, str]:
        def refresh(name: str, **_credentials: bool) -> EventLog:
            events = outcomes[name]
            if events is None:
                raise CommandError(CommandResult("", "error: the stack is currently locked by 1 lock(s).", 1))
            return logged(*events)

        monkeypatch.setattr(drift, "select_stack", lambda name: name)
        monkeypatch.setattr(drift, "refresh_preview", refresh)
        result = CliRunner().invoke(app, ["drift", *outcomes, *arguments])
        return result.exit_code, result.stdout if "json" in arguments else result.output

    return run


def test_stack_as_recorded_has_no_drift(stacks: Callable[..., tuple[int, str]]) -> None:
    assert stacks(prod=[SAME]) == (0, "No drift in stack prod.\n")


def test_changed_and_deleted_objects_are_drift(stacks: Callable[..., tuple[int, str]]) -> None:
    code, text = stacks(prod=[SAME, SCALED, DELETED])
    assert code == ExitCode.DIFFERENT
    *lines, hint = text.splitlines()
    assert lines == ["Drift detected in stack prod:", *(f"  {line}" for line in TEXT)]
    assert hint == "hint: to undo these changes, run `tools/notif-platform up prod --refresh`"


def test_failed_check_does_not_stop_the_others(stacks: Callable[..., tuple[int, str]]) -> None:
    code, text = stacks(staging=None, prod=[SAME])
    assert code == 1
    assert "error: staging could not be checked: the stack is currently locked" in text
    assert "No drift in stack prod." in text


def test_drift_outranks_a_failed_check(stacks: Callable[..., tuple[int, str]]) -> None:
    assert stacks(staging=None, prod=[SCALED])[0] == ExitCode.DIFFERENT


def test_document_has_every_stack_and_is_alone_on_standard_output(
    stacks: Callable[..., tuple[int, str]],
) -> None:
    code, text = stacks("-o", "json", staging=None, prod=[SCALED])
    assert code == ExitCode.DIFFERENT
    failed, drifted = json.loads(text)["stacks"]
    assert failed.pop("error").startswith("the stack is currently locked")
    assert failed == {"stack": "staging", "changes": [], "notification": ""}
    assert drifted == {
        "stack": "prod",
        "changes": [
            {
                "operation": "update",
                "kind": "Deployment",
                "name": "operator",
                "objectName": "notification-system/notification-operator",
                "properties": [{"path": "spec.replicas", "before": "3", "after": "1"}],
                "external": True,
            }
        ],
        "error": "",
        "notification": "",
    }


def test_cluster_without_access_does_not_stop_the_other_stacks(
    stacks: Callable[..., tuple[int, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(name: str) -> tuple[str, str]:
        raise StackFileError(f"{name}: /nowhere does not exist")

    monkeypatch.setattr(drift, "cluster_access", refuse)
    arguments = ("--notify", "platform", "-o", "json")
    code, text = stacks(*arguments, staging=[SCALED], prod=[SCALED])
    assert code == ExitCode.DIFFERENT
    results = json.loads(text)["stacks"]
    assert [(each["stack"], len(each["changes"]), each["notification"]) for each in results] == [
        ("staging", 1, ""),
        ("prod", 1, ""),
    ]
    _, text = stacks("--notify", "platform", staging=[SCALED])
    assert (
        "error: the notification could not be created in namespace platform: staging: /nowhere does not exist"
        in text
    )


def test_notification_about_drift_is_valid() -> None:
    created: list[dict[str, Any]] = []

    class Target:
        def notify(self, subject: str, body: str, **options: Unpack[Options]) -> str:
            created.append(notification(subject, body, options))
            return "notif-1"

    target: Any = Target()
    assert drift.send(target, "prod", logged(SCALED, DELETED).completed) == "notif-1"
    (obj,) = created
    assert obj["spec"]["subject"] == "Drift detected in stack prod"
    assert obj["spec"]["body"].splitlines() == TEXT
    assert list(lint.notification(obj)) == []
