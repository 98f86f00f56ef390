"""What a new definition of the kind may change, and what it may not."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pulumi
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from platform_infra.crd.compatibility import problems
from platform_infra.crd.definitions import CrdError, notification_request, refuse_incompatible

if TYPE_CHECKING:
    from tests.unit.infra.conftest import Record

SPEC = "v1alpha1.spec"
GONE = object()


def schema(definition: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"][
        "spec"
    ]
    return found


def changed(path: str, **values: Any) -> dict[str, Any]:
    """The definition with the words of one field of the spec set, or taken away."""
    definition = copy.deepcopy(notification_request())
    field = schema(definition)
    for part in path.split("."):
        field = field if not part else field["items"] if part == "[]" else field["properties"][part]
    for word, value in values.items():
        field[word] = value
        if value is GONE:
            del field[word]
    return definition


def test_the_definition_takes_what_it_takes() -> None:
    assert problems(notification_request(), notification_request()) == []


@pytest.mark.parametrize(
    ("path", "values", "told"),
    [
        ("", {"properties": {}}, "the field is gone"),
        ("", {"required": ["type", "priority", "subject", "body", "metadata"]}, ".metadata: is required"),
        ("priority", {"enum": ["high", "low"]}, "'critical', 'medium' no longer taken"),
        ("subject", {"enum": ["a"]}, "only ['a'] are taken"),
        ("subject", {"maxLength": 499}, "maxLength is 499 and was 500"),
        ("subject", {"minLength": 2}, "minLength is 2 and was 1"),
        ("subject", {"pattern": "^a"}, "pattern is '^a' and was None"),
        ("subject", {"type": "integer"}, "type is 'integer' and was 'string'"),
        ("body", {"maxLength": 10}, "maxLength is 10 and was without a bound"),
        ("retentionDays", {"maximum": 30}, "maximum is 30 and was 90"),
        ("retryPolicy.maxAttempts", {"minimum": 2}, "minimum is 2 and was 1"),
        ("channels.[]", {"enum": ["slack"]}, "no longer taken"),
        ("metadata", {"additionalProperties": GONE}, "no longer kept"),
        ("retryPolicy", {"x-kubernetes-validations": [{"rule": "false"}]}, "the rule `false` is new"),
        ("retryPolicy", {"oneOf": [{"required": ["maxAttempts"]}]}, "oneOf is new"),
    ],
)
def test_what_takes_less_is_refused_with_the_field_and_the_reason(
    path: str, values: dict[str, Any], told: str
) -> None:
    found = problems(notification_request(), changed(path, **values))
    assert found
    assert any(told in reason for reason in found), found
    assert all(reason.startswith(SPEC) for reason in found)


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("", {"required": ["type"]}),
        ("", {"x-kubernetes-validations": []}),
        ("priority", {"enum": ["critical", "high", "medium", "low", "none"]}),
        ("priority", {"enum": GONE, "default": "low", "description": "another text"}),
        ("subject", {"maxLength": 501, "minLength": GONE}),
        ("retentionDays", {"maximum": GONE, "format": GONE}),
        ("recipients.[]", {"properties": {}, "x-kubernetes-preserve-unknown-fields": True}),
    ],
)
def test_what_takes_as_much_or_more_passes(path: str, values: dict[str, Any]) -> None:
    assert problems(notification_request(), changed(path, **values)) == []


def test_a_version_that_is_gone_or_no_longer_served_is_refused() -> None:
    other, silent, bare = (copy.deepcopy(notification_request()) for _ in range(3))
    other["spec"]["versions"][0]["name"] = "v1"
    silent["spec"]["versions"][0]["served"] = False
    bare["spec"]["versions"][0]["subresources"] = {}
    for definition in (other, silent):
        assert problems(notification_request(), definition) == ["version v1alpha1 is no longer served"]
    assert problems(notification_request(), bare) == ["v1alpha1: the subresource status is gone"]
    assert problems(silent, other) == []


def test_another_scope_or_name_is_refused() -> None:
    definition = copy.deepcopy(notification_request())
    definition["spec"]["scope"] = "Cluster"
    definition["spec"]["names"]["kind"] = "Note"
    assert len(problems(notification_request(), definition)) == 2


NAMES = st.sampled_from(["a", "b", "c"])
BOUNDS = {"integer": ("minimum", "maximum"), "string": ("minLength", "maxLength"), "object": ()}
LOW = frozenset({"minimum", "minLength"})
WORDS = ["", "a", "bb", "ccc"]


@st.composite
def schemas(draw: st.DrawFn, depth: int = 2) -> dict[str, Any]:
    """A schema of the few words that `takes` knows."""
    kind = draw(st.sampled_from(["integer", "string", "object"] if depth else ["integer", "string"]))
    found: dict[str, Any] = {"type": kind} | draw(bounds(kind))
    if kind == "string" and draw(st.booleans()):
        found["enum"] = draw(st.lists(st.sampled_from(WORDS), min_size=1, unique=True))
    if kind == "object":
        found["properties"] = draw(st.dictionaries(NAMES, schemas(depth - 1), max_size=3))
        found["required"] = draw(st.lists(st.sampled_from(sorted(found["properties"]) or ["a"]), unique=True))
    return found


def bounds(kind: str) -> st.SearchStrategy[dict[str, int]]:
    low, high = st.integers(0, 1), st.integers(2, 3)
    return st.fixed_dictionaries({}, optional={word: low if word in LOW else high for word in BOUNDS[kind]})


@st.composite
def edited(draw: st.DrawFn, before: dict[str, Any]) -> dict[str, Any]:
    """A schema that differs from another one in one place or none."""
    after = copy.deepcopy(before)
    place = after
    while place["type"] == "object" and place["properties"] and draw(st.booleans()):
        place = place["properties"][draw(st.sampled_from(sorted(place["properties"])))]
    kind = place["type"]
    way = draw(st.sampled_from(["keep", "enum", "required", "drop", "add", *BOUNDS[kind]]))
    if way in BOUNDS[kind]:
        place.pop(way, None)
        place |= draw(bounds(kind))
    elif way == "enum" and kind == "string":
        place["enum"] = draw(st.lists(st.sampled_from(WORDS), min_size=1, unique=True))
    elif kind == "object" and way == "required":
        place["required"] = draw(st.lists(st.sampled_from(sorted(place["properties"]) or ["a"]), unique=True))
    elif kind == "object" and way == "drop" and place["properties"]:
        del place["properties"][draw(st.sampled_from(sorted(place["properties"])))]
    elif kind == "object" and way == "add":
        place["properties"].setdefault(draw(NAMES), draw(schemas(0)))
    return after


@st.composite
def values(draw: st.DrawFn, schema: dict[str, Any]) -> Any:
    """A value that a schema may well take."""
    match schema["type"]:
        case "integer":
            # What a bound just lets pass is what a narrower one refuses.
            return draw(st.sampled_from([schema.get("minimum", -1), schema.get("maximum", 5)]))
        case "string":
            words = [*WORDS, "dddd"]
            return draw(st.sampled_from([word for word in words if takes(schema, word)] or words))
        case _:
            names = [
                name for name in schema["properties"] if name in schema["required"] or draw(st.booleans())
            ]
            return {name: draw(values(schema["properties"][name])) for name in names}


def takes(top: dict[str, Any], value: Any) -> bool:
    """Whether a schema of these few words takes a value, and keeps all of it."""
    match top["type"]:
        case "integer":
            return isinstance(value, int) and top.get("minimum", value) <= value <= top.get("maximum", value)
        case "string":
            if not isinstance(value, str) or value not in top.get("enum", [value]):
                return False
            return top.get("minLength", 0) <= len(value) <= top.get("maxLength", len(value))
        case _:
            fields = top["properties"]
            if not isinstance(value, dict) or not set(top["required"]) <= value.keys() <= fields.keys():
                return False
            return all(takes(fields[name], inner) for name, inner in value.items())


def wrap(top: dict[str, Any]) -> dict[str, Any]:
    return {"spec": {"versions": [{"name": "v1", "schema": {"openAPIV3Schema": top}}]}}


@settings(max_examples=500)
@given(st.data())
def test_where_nothing_is_found_every_value_of_before_is_taken_after(data: st.DataObject) -> None:
    before = data.draw(schemas())
    after = data.draw(edited(before))
    value = data.draw(values(before))
    if takes(before, value) and not takes(after, value):
        assert problems(wrap(before), wrap(after)) != []


@given(schemas())
def test_a_definition_is_compatible_with_itself_and_with_one_more_optional_field(top: dict[str, Any]) -> None:
    assert problems(wrap(top), wrap(top)) == []
    if top["type"] == "object":
        wider = top | {"properties": top["properties"] | {"more": {"type": "string"}}}
        assert problems(wrap(top), wrap(wider)) == []
        assert problems(wrap(wider), wrap(top)) != []


def change(before: dict[str, Any], after: dict[str, Any]) -> pulumi.ResourceHookArgs:
    return pulumi.ResourceHookArgs(
        urn="urn", id="id", name="crd", type="crd", old_inputs=before, new_inputs=after
    )


def test_the_guard_refuses_with_every_reason_and_the_remedy() -> None:
    narrowed = changed("subject", maxLength=9, minLength=2)
    with pytest.raises(CrdError) as caught:
        refuse_incompatible(change(notification_request(), narrowed))
    assert str(caught.value).count("\n  - ") == 2
    assert "crdAllowIncompatible" in str(caught.value)
    refuse_incompatible(change(narrowed, notification_request()))


def test_the_definition_is_guarded_unless_a_stack_lets_everything_pass(record: Record) -> None:
    assert record().one("CustomResourceDefinition").guards == ("crd-compatibility",)
    assert record(crdAllowIncompatible="true").one("CustomResourceDefinition").guards == ()
