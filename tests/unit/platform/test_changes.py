"""The changes of an operation, and the comment about them: content, redaction, length."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pulumi.automation.events import EngineEvent

from tools.platform.pulumi.changes import (
    SIGNATURE,
    Change,
    Operation,
    Property,
    differing_paths,
    shown,
    value_at,
)
from tools.platform.pulumi.comment import MIN_LENGTH, StackChanges, render
from tools.platform.pulumi.events import EventLog, StackProgress, Violation

ENCODED_SECRET = {SIGNATURE: "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "[secret]"}


def event(op: str, name: str, old: Any = None, new: Any = None, *paths: str, **more: Any) -> EngineEvent:
    """One planned step, in the engine's form."""
    return EngineEvent.from_json(
        {"resourcePreEvent": {"metadata": step(op, name, old, new, *paths, **more), "planning": True}}
    )


def result(op: str, name: str, old: Any = None, **more: Any) -> EngineEvent:
    """One completed step, in the engine's form."""
    return EngineEvent.from_json({"resOutputsEvent": {"metadata": step(op, name, old, **more)}})


def step(op: str, name: str, old: Any = None, new: Any = None, *paths: str, **more: Any) -> dict[str, object]:
    urn = f"urn:pulumi:dev::notification-platform::a$kubernetes:apps/v1:Deployment::{name}"
    return {
        "op": op,
        "urn": urn,
        "old": {"urn": urn, "inputs": old, **more} if old is not None else None,
        "new": {"urn": urn, "inputs": new} if new is not None else None,
        "detailedDiff": {path: {"diffKind": "update"} for path in paths} or None,
    }


REPLICAS = event("update", "operator", {"spec": {"replicas": 1}}, {"spec": {"replicas": 3}}, "spec.replicas")


def changes(*events: EngineEvent) -> tuple[Change, ...]:
    log = EventLog()
    for each in events:
        log.on_event(each)
    return log.planned


def comment(*events: EngineEvent, violations: tuple[Violation, ...] = ()) -> str:
    return render([StackChanges(stack="dev", changes=changes(*events), violations=violations)])


def test_change_shows_both_values() -> None:
    text = comment(REPLICAS, event("same", "other"))
    assert text.startswith("### What would change")
    assert "<b>dev</b>: 1 to update" in text
    assert "- `~` update Deployment `operator`\n  - `spec.replicas`: `1` → `3`" in text
    assert "other" not in text


def test_most_severe_change_comes_first_and_all_are_counted() -> None:
    text = comment(*(event(op, op) for op in ("update", "create", "delete", "replace")))
    assert "1 to replace, 1 to delete, 1 to create, 1 to update" in text
    places = [text.index(f"{op} Deployment") for op in ("replace", "delete", "create", "update")]
    assert places == sorted(places)


def test_stack_without_changes_says_so() -> None:
    assert "<b>dev</b>: no changes" in comment(event("same", "x"))


def test_update_without_a_detailed_diff_is_compared_here() -> None:
    old = {"spec": {"replicas": 1, "a.b": "x"}, "status": {"ready": 1}, "token": ENCODED_SECRET}
    new = {"spec": {"replicas": 3, "a.b": "y"}, "status": {"ready": 3}, "token": ENCODED_SECRET}
    (change,) = changes(event("update", "operator", old, new))
    assert change.properties == (
        Property(path='spec["a.b"]', before="x", after="y"),
        Property(path="spec.replicas", before="1", after="3"),
    )


def test_text_names_the_object_in_the_cluster() -> None:
    (change,) = changes(event("delete", "metrics", {}, id="notification-system/metrics"))
    assert change.text() == ["- delete Deployment notification-system/metrics"]


def test_planned_deletion_of_a_retained_object_forgets_it() -> None:
    planned = event("delete", "metrics", {}, id="a/metrics", retainOnDelete=True)
    (change,) = changes(planned)
    assert change.text() == ["- forget Deployment a/metrics"]
    assert "<b>dev</b>: 1 to forget" in comment(planned)


def test_refresh_reports_a_retained_object_as_deleted() -> None:
    log = EventLog()
    log.on_event(event("refresh", "metrics", {}, id="a/metrics", retainOnDelete=True))
    log.on_event(result("delete", "metrics", {}, id="a/metrics", retainOnDelete=True))
    (change,) = log.completed
    assert change.text() == ["- delete Deployment a/metrics"]


@pytest.mark.parametrize(
    ("started", "ended", "retained", "line"),
    [
        ("delete", "delete", False, "Deployment operator deleted"),
        ("delete", "delete", True, "Deployment operator kept in the cluster"),
        ("delete-replaced", "delete-replaced", True, "Deployment operator old version kept in the cluster"),
        ("update", "update", True, "Deployment operator updated"),
        ("refresh", "delete", True, "Deployment operator deleted"),
    ],
)
def test_progress_says_whether_an_object_is_kept(
    capsys: pytest.CaptureFixture[str], *, started: str, ended: str, retained: bool, line: str
) -> None:
    progress = StackProgress("pulumi up -s dev")
    progress.on_event(event(started, "operator", {}, retainOnDelete=retained))
    progress.on_event(result(ended, "operator", {}, retainOnDelete=retained))
    assert capsys.readouterr().err == f"  {line} (0.0 s)\n"


def test_paths_stop_at_a_secret() -> None:
    assert list(
        differing_paths({"a": ENCODED_SECRET, "b": 1}, {"a": {**ENCODED_SECRET, "x": 1}, "b": 1})
    ) == ["a"]


@pytest.mark.parametrize(
    ("inputs", "path"),
    [
        ({"data": "[secret]"}, "data"),
        ({"data": "[secret]"}, "data.token"),
        ({"data": {"a.b": "[secret]"}}, 'data["a.b"]'),
        ({"list": ["[secret]"]}, "list[0].deep"),
        ({"data": ENCODED_SECRET}, "data"),
        ({"data": ENCODED_SECRET}, "data.ciphertext"),
    ],
)
def test_secret_stays_redacted(inputs: Any, path: str) -> None:
    assert value_at(inputs, path) == "[secret]"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("list[1].name", "b"),
        ("list[9].name", "-"),
        ("list", "2 entries"),
        ('data["a.b"]', "x"),
        ("data.missing", "-"),
        ("text", "first … 2 lines"),
    ],
)
def test_value_is_looked_up_by_its_path(path: str, value: str) -> None:
    inputs = {"list": [{"name": "a"}, {"name": "b"}], "data": {"a.b": "x"}, "text": "first\nsecond"}
    assert value_at(inputs, path) == value


def test_error_and_violations_are_expanded_and_first() -> None:
    text = render([StackChanges(stack="dev", error="the state is locked"), StackChanges(stack="prod")])
    assert text.index("<details open>") < text.index("the state is locked") < text.index("<details>")
    assert "preview failed" in text
    warned = render([StackChanges(stack="dev", warnings=("routing: group_by: has no effect",))])
    assert warned.index("<details open>") < warned.index("Warnings:") < warned.index("group_by")
    assert "policy violations" in comment(REPLICAS, violations=(VIOLATION,))


VIOLATION = Violation(policy="limits-set", level="mandatory", resource="", message="no limits")
TEXTS = st.text(max_size=300)
CHANGES = st.builds(
    Change,
    operation=st.sampled_from(Operation),
    kind=st.just("Deployment"),
    name=TEXTS,
    properties=st.lists(
        st.builds(Property, path=TEXTS, before=TEXTS.map(shown), after=TEXTS.map(shown)), max_size=5
    ).map(tuple),
)
STACKS = st.builds(
    StackChanges,
    stack=TEXTS,
    changes=st.lists(CHANGES, max_size=30).map(tuple),
    error=st.text(max_size=3000),
    violations=st.lists(
        st.builds(Violation, policy=TEXTS, level=TEXTS, resource=TEXTS, message=st.text(max_size=3000)),
        max_size=3,
    ).map(tuple),
)


@given(st.lists(STACKS, max_size=4), st.integers(0, 3000))
def test_comment_keeps_its_limit_and_closes_every_section(stacks: list[StackChanges], more: int) -> None:
    limit = MIN_LENGTH * max(1, len(stacks)) + more
    text = render(stacks, limit=limit)
    assert len(text) <= limit
    lines = text.splitlines()
    assert sum(line.startswith("<details") for line in lines) == len(stacks)
    assert sum(line == "</details>" for line in lines) >= len(stacks)


@given(TEXTS)
def test_value_never_leaves_its_quotes(text: str) -> None:
    assert "`" not in shown(text)
    assert "\n" not in shown(text)


def test_omitted_lines_are_reported() -> None:
    many = tuple(Change(operation=Operation.CREATE, kind="ConfigMap", name=f"c{n}") for n in range(500))
    text = render([StackChanges(stack="dev", changes=many)], limit=MIN_LENGTH)
    assert "more lines; run the preview to see them" in text
    with pytest.raises(ValueError, match="needs 2000 characters for each"):
        render([StackChanges(stack="dev")] * 2, limit=MIN_LENGTH)
