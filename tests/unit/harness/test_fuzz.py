"""The fuzzing harness: its validator knows the schema, and it finds what it should."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings

from tests.fuzz import renderings, simulation
from tests.fuzz.objects import specs
from tests.fuzz.renderings import RenderingShare, rendering, run_renderings
from tests.fuzz.run import Share, run_share
from tests.fuzz.schema import problems, stored
from tests.fuzz.simulation import Case, run_case

VALID: dict[str, Any] = {
    "metadata": {"name": "n"},
    "spec": {"type": "simple", "priority": "low", "subject": "s", "body": "b"},
}
STATUS: dict[str, Any] = {
    "phase": "Sent",
    "deliveryAttempts": [
        {"channel": "log", "attempt": 1, "timestamp": "2026-01-05T08:00:00.000000Z", "status": "success"}
    ],
}


def with_spec(**fields: Any) -> dict[str, Any]:
    return {**VALID, "spec": {**VALID["spec"], **fields}}


def test_valid_object_has_no_problems() -> None:
    assert list(problems(stored({**VALID, "status": STATUS}))) == []


@pytest.mark.parametrize(
    ("obj", "problem"),
    [
        (with_spec(type="other"), ".spec.type: is none of"),
        (with_spec(subject="x" * 501), ".spec.subject: is longer than 500"),
        (with_spec(subject=""), ".spec.subject: is shorter than 1"),
        (with_spec(body=7), ".spec.body: is no string"),
        (with_spec(body=None), ".spec: lacks body"),
        (with_spec(retryPolicy={"maxAttempts": 11}), "maxAttempts: is more than 10"),
        (with_spec(retryPolicy={"maxAttempts": True}), "maxAttempts: is no integer"),
        (with_spec(metadata={"a": None}), ".spec.metadata.a: is no string"),
        ({"metadata": {}}, "lacks spec"),
    ],
)
def test_violation_is_named_with_its_path(obj: dict[str, Any], problem: str) -> None:
    assert any(problem in each for each in problems(stored(obj)))


def test_two_attempts_with_one_key_are_a_violation() -> None:
    twice = copy.deepcopy(STATUS)
    twice["deliveryAttempts"] *= 2
    assert any("same channel and attempt" in each for each in problems({**VALID, "status": twice}))


def test_stored_object_has_defaults_and_no_unknown_fields() -> None:
    result = stored(with_spec(unknown=1, priority=None, retryPolicy={}))
    assert "unknown" not in result["spec"]
    assert (result["spec"]["priority"], result["spec"]["retryPolicy"]["maxAttempts"]) == ("medium", 5)


@settings(max_examples=100, deadline=None)
@given(specs)
def test_generated_specs_are_admitted(spec: dict[str, Any]) -> None:
    """The API server also evaluates the schema's rules; one of them compares two fields."""
    whole = stored({**VALID, "spec": spec})
    assert list(problems(whole)) == []
    policy = whole["spec"].get("retryPolicy", {})
    assert policy.get("initialBackoffSeconds", 0) <= policy.get("maxBackoffSeconds", 480)
    assert all(len(name) <= 253 for name in whole["spec"].get("metadata", ()))


def test_share_runs_without_a_failure_and_counts() -> None:
    tally = run_share(Share(seed=1, cases=3, objects_per_case=6, documents_per_case=2))
    assert tally.failure == ""
    assert tally.objects >= 18
    assert tally.documents >= 6


def test_invalid_status_is_a_violation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulation, "STATUS", {"type": "object", "required": ["no such field"]})
    obj = {"spec": {**VALID["spec"], "channels": ["log"]}, "labels": {}, "annotations": {}}
    outcome = run_case(Case(objects=[obj], documents=(), choices=b"")).outcome
    assert outcome.violation.startswith("a status violates the schema")


def test_rendering_depends_on_its_seed_and_number_alone() -> None:
    assert rendering(7, 3) == rendering(7, 3) != rendering(7, 4)
    # Number 275 of this seed repeats a shape without a character.
    jobs = {rendering(541479896, number).job for number in range(276)}
    assert jobs == set(renderings.JOBS)


def test_generated_renderings_have_results() -> None:
    tally = run_renderings(RenderingShare(seed=1, first=0, count=70))
    assert (tally.failure, tally.cases) == ("", 70)


def test_rendering_that_fails_is_made_shorter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renderings, "_flaw", lambda case, _result: "found" if "pod" in case.body else "")
    failure = run_renderings(RenderingShare(seed=1, first=0, count=60)).failure
    assert ": found" in failure
    assert "body='pod'" in failure
