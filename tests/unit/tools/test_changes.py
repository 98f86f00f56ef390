"""The comment about what would change: what it says, what it hides, how long it gets."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.platform.commands.diff import _document, _trouble
from tools.platform.pulumi.changes import (
    LEAST,
    MARK,
    Change,
    Operation,
    StackChanges,
    read,
    render,
    shown,
    value_at,
)


def step(op: str, name: str, old: Any = None, new: Any = None, *paths: str) -> dict[str, Any]:
    """One step of a preview, in the engine's form."""
    return {
        "op": op,
        "urn": f"urn:pulumi:dev::notification-platform::a$kubernetes:apps/v1:Deployment::{name}",
        "oldState": {"inputs": old} if old is not None else None,
        "newState": {"inputs": new} if new is not None else None,
        "detailedDiff": {path: {"kind": "update"} for path in paths} or None,
    }


REPLICAS = step("update", "operator", {"spec": {"replicas": 1}}, {"spec": {"replicas": 3}}, "spec.replicas")


def comment(*steps: dict[str, Any], **more: str) -> str:
    return render([read("dev", {"steps": list(steps)}, **more)])


def test_a_change_is_told_with_both_values() -> None:
    text = comment(REPLICAS, step("same", "other"))
    assert text.startswith(MARK)
    assert "<b>dev</b>: 1 to update" in text
    assert "- `~` update Deployment `operator`\n  - `spec.replicas`: `1` → `3`" in text
    assert "other" not in text


def test_what_weighs_most_comes_first_and_all_kinds_are_counted() -> None:
    text = comment(*(step(op, op) for op in ("update", "create", "delete", "replace")))
    assert "1 to replace, 1 to delete, 1 to create, 1 to update" in text
    places = [text.index(f"{op} Deployment") for op in ("replace", "delete", "create", "update")]
    assert places == sorted(places)


def test_a_stack_without_changes_says_so() -> None:
    assert "<b>dev</b>: nothing changes" in comment(step("same", "x"))


@pytest.mark.parametrize(
    ("inputs", "path"),
    [
        ({"data": "[secret]"}, "data"),
        ({"data": "[secret]"}, "data.token"),
        ({"data": {"a.b": "[secret]"}}, 'data["a.b"]'),
        ({"list": ["[secret]"]}, "list[0].deep"),
    ],
)
def test_a_secret_stays_masked(inputs: Any, path: str) -> None:
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
def test_a_value_is_found_by_its_path(path: str, value: str) -> None:
    inputs = {"list": [{"name": "a"}, {"name": "b"}], "data": {"a.b": "x"}, "text": "first\nsecond"}
    assert value_at(inputs, path) == value


def test_trouble_and_findings_are_open_and_first() -> None:
    text = render([StackChanges(stack="dev", trouble="the state is locked"), StackChanges(stack="prod")])
    assert text.index("<details open>") < text.index("the state is locked") < text.index("<details>")
    assert "could not be previewed" in text
    assert "policies have findings" in comment(REPLICAS, findings="[mandatory] limits-set")


def test_what_a_failed_preview_said_is_taken_from_its_errors() -> None:
    preview = {"diagnostics": [{"severity": "info", "message": "a"}, {"severity": "error", "message": "b"}]}
    assert _trouble(preview, "noise") == "b"
    assert _trouble(None, " noise ") == "noise"
    assert _document("no json") is None


TEXTS = st.text(max_size=300)
CHANGES = st.builds(
    Change,
    operation=st.sampled_from(Operation),
    kind=st.just("Deployment"),
    name=TEXTS,
    properties=st.lists(st.tuples(TEXTS.map(shown), TEXTS.map(shown), TEXTS.map(shown)), max_size=5).map(
        tuple
    ),
)
STACKS = st.builds(
    StackChanges,
    stack=TEXTS,
    changes=st.lists(CHANGES, max_size=30).map(tuple),
    trouble=st.text(max_size=3000),
    findings=st.text(max_size=3000),
)


@settings(deadline=None)  # a busy machine says nothing of the text
@given(st.lists(STACKS, max_size=4), st.integers(0, 3000))
def test_the_comment_keeps_its_bound_and_closes_what_it_opens(stacks: list[StackChanges], more: int) -> None:
    limit = LEAST * max(1, len(stacks)) + more
    text = render(stacks, limit=limit)
    assert len(text) <= limit
    lines = text.splitlines()
    assert sum(line.startswith("<details") for line in lines) == len(stacks)
    assert sum(line == "</details>" for line in lines) >= len(stacks)


@settings(deadline=None)
@given(TEXTS)
def test_no_value_leaves_its_quotes(text: str) -> None:
    assert "`" not in shown(text)
    assert "\n" not in shown(text)


def test_what_does_not_fit_is_said_to_be_missing() -> None:
    many = tuple(Change(operation=Operation.CREATE, kind="ConfigMap", name=f"c{n}") for n in range(500))
    text = render([StackChanges(stack="dev", changes=many)], limit=LEAST)
    assert "more lines; run the preview to see them" in text
    with pytest.raises(ValueError, match="needs 2000 characters for each"):
        render([StackChanges(stack="dev")] * 2, limit=LEAST)
