"""The answers of commands as JSON: one line, stable keys, nothing else on standard output."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from typer.testing import CliRunner

from tools.platform import cli
from tools.platform.answer import plain
from tools.platform.deployment import planned
from tools.platform.errors import ExitCode
from tools.platform.preflight.examination import Report
from tools.platform.preflight.outcome import Answer
from tools.platform.preflight.rights import Need, Right
from tools.platform.pulumi.changes import Change, Operation
from tools.platform.pulumi.comment import StackChanges
from tools.platform.pulumi.events import Violation

if TYPE_CHECKING:
    from typing import Any

    import pytest


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    one_word: str
    at: datetime
    parts: tuple[Operation, ...] = ()


def test_document_has_fields_in_camel_case_and_times_in_utc() -> None:
    east = datetime(2026, 11, 29, 23, 0, 5, tzinfo=timezone(timedelta(hours=2)))
    assert plain({"samples": [Sample(one_word="ü", at=east, parts=(Operation.UPDATE,))]}) == {
        "samples": [{"oneWord": "ü", "at": "2026-11-29T21:00:05Z", "parts": ["update"]}]
    }


def test_document_of_diff_has_changes_violations_and_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    results = {
        "staging": StackChanges(stack="staging", error="the state is locked"),
        "prod": StackChanges(
            stack="prod",
            changes=(Change(operation=Operation.CREATE, kind="Service", name="metrics"),),
            violations=(Violation(policy="limits-set", level="mandatory", resource="", message="none"),),
            warnings=("routing",),
        ),
    }
    monkeypatch.setattr(planned, "ensure", lambda _groups: None)
    monkeypatch.setattr(planned, "stack_changes", lambda name, **_more: results[name])
    done = CliRunner().invoke(cli.app, ["diff", "staging", "prod", "--output", "json"])
    assert (done.exit_code, done.stdout.count("\n")) == (ExitCode.FAILED, 1)
    change = {"operation": "create", "kind": "Service", "name": "metrics", "objectName": "", "properties": []}
    violation = {"policy": "limits-set", "level": "mandatory", "resource": "", "message": "none"}
    assert json.loads(done.stdout) == {
        "stacks": [
            {
                "stack": "staging",
                "changes": [],
                "error": "the state is locked",
                "violations": [],
                "warnings": [],
            },
            {
                "stack": "prod",
                "changes": [{**change, "external": True}],
                "error": "",
                "violations": [violation],
                "warnings": ["routing"],
            },
        ]
    }


def test_document_of_preflight_has_rights_and_problems() -> None:
    right = Right(namespace="", group="apps", resource="deployments", verb="create")
    need = Need(right=right, subject="Deployment a/b", purpose="create")
    report = Report(missing=[need, need], findings=["a", "a"], notes=["b"], hints=["c"], rights=2, objects=1)
    place: Any = type("Place", (), {"server": "https://there", "context": "team"})
    assert plain(Answer.of("prod", report, place, "me")) == {
        "stack": "prod",
        "server": "https://there",
        "context": "team",
        "user": "me",
        "ready": False,
        "objects": 1,
        "rights": 2,
        "missing": [
            {"namespace": "", "group": "apps", "resource": "deployments", "verb": "create", "name": ""}
        ],
        "hints": ["c"],
        "findings": ["a"],
        "notChecked": ["b"],
    }
