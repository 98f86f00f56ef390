"""Compatible and incompatible changes of a custom resource definition."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pulumi
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notification_contract.crds import notification_receiver, notification_request
from platform_infra.crd.compatibility import problems
from platform_infra.crd.guard import CompatibilityGuard, CrdError
from tests.cases import cases

if TYPE_CHECKING:
    from tests.unit.infra.conftest import Record

SPEC = "v1alpha1.spec"
UNASKED = CompatibilityGuard({"notificationrequests": notification_request()}, None)
"""A guard that has no cluster to ask."""
REMOVED = object()


def schema(definition: dict[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"][
        "spec"
    ]
    return spec


def changed(path: str, **values: Any) -> dict[str, Any]:
    """Return the definition with keywords of one spec field set or removed."""
    definition = copy.deepcopy(notification_request())
    field = schema(definition)
    for part in path.split("."):
        field = field if not part else field["items"] if part == "[]" else field["properties"][part]
    for word, value in values.items():
        field[word] = value
        if value is REMOVED:
            del field[word]
    return definition


def test_definition_is_compatible_with_itself() -> None:
    assert problems(notification_request(), notification_request()) == []


@pytest.mark.parametrize(
    ("path", "values", "reason"),
    [
        ("", {"properties": {}}, "the field was removed"),
        (
            "",
            {"required": ["type", "priority", "subject", "body", "metadata"]},
            ".metadata: the field became required",
        ),
        ("priority", {"enum": ["high", "low"]}, "'critical', 'medium' no longer allowed"),
        ("subject", {"enum": ["a"]}, "only ['a'] are allowed"),
        ("subject", {"maxLength": 499}, "maxLength changed from 500 to 499"),
        ("subject", {"minLength": 2}, "minLength changed from 1 to 2"),
        ("subject", {"pattern": "^a"}, "pattern changed from None to '^a'"),
        ("subject", {"type": "integer"}, "type changed from 'string' to 'integer'"),
        ("body", {"maxLength": 10}, "maxLength changed from 262144 to 10"),
        ("type", {"maxLength": 10}, "maxLength 10 was added"),
        ("subject", {"maxLength": 499.5}, "maxLength changed from 500 to 499.5"),
        ("retentionDays", {"maximum": 30}, "maximum changed from 90 to 30"),
        ("retryPolicy.maxAttempts", {"minimum": 2}, "minimum changed from 1 to 2"),
        ("channels.[]", {"enum": ["slack"]}, "no longer allowed"),
        ("metadata", {"additionalProperties": REMOVED}, "no longer kept"),
        ("retryPolicy", {"x-kubernetes-validations": [{"rule": "false"}]}, "the rule `false` was added"),
        ("retryPolicy", {"oneOf": [{"required": ["maxAttempts"]}]}, "oneOf was added"),
    ],
)
def test_narrowing_change_is_reported_with_field_and_reason(
    path: str, values: dict[str, Any], reason: str
) -> None:
    reported = problems(notification_request(), changed(path, **values))
    assert reported
    assert any(reason in text for text in reported), reported
    assert all(text.startswith(SPEC) for text in reported)


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("", {"required": ["type"]}),
        ("", {"x-kubernetes-validations": []}),
        ("priority", {"enum": ["critical", "high", "medium", "low", "none"]}),
        ("priority", {"enum": REMOVED, "default": "low", "description": "another text"}),
        ("subject", {"maxLength": 501, "minLength": REMOVED}),
        ("retentionDays", {"maximum": REMOVED, "format": REMOVED}),
        ("recipients.[]", {"properties": {}, "x-kubernetes-preserve-unknown-fields": True}),
    ],
)
def test_widening_change_is_compatible(path: str, values: dict[str, Any]) -> None:
    assert problems(notification_request(), changed(path, **values)) == []


def test_removed_version_or_subresource_is_reported() -> None:
    renamed, unserved, bare = (copy.deepcopy(notification_request()) for _ in range(3))
    renamed["spec"]["versions"][0]["name"] = "v1"
    unserved["spec"]["versions"][0]["served"] = False
    bare["spec"]["versions"][0]["subresources"] = {}
    for definition in (renamed, unserved):
        assert problems(notification_request(), definition) == ["version v1alpha1 is no longer served"]
    assert problems(notification_request(), bare) == ["v1alpha1: the subresource status was removed"]
    assert problems(unserved, renamed) == []


def test_changed_scope_or_kind_is_reported() -> None:
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
    """A schema with the few keywords that `accepts` supports."""
    kind = draw(st.sampled_from(["integer", "string", "object"] if depth else ["integer", "string"]))
    result: dict[str, Any] = {"type": kind} | draw(bounds(kind))
    if kind == "string" and draw(st.booleans()):
        result["enum"] = draw(st.lists(st.sampled_from(WORDS), min_size=1, unique=True))
    if kind == "object":
        result["properties"] = draw(st.dictionaries(NAMES, schemas(depth - 1), max_size=3))
        result["required"] = draw(
            st.lists(st.sampled_from(sorted(result["properties"]) or ["a"]), unique=True)
        )
    return result


def bounds(kind: str) -> st.SearchStrategy[dict[str, int]]:
    low, high = st.integers(0, 1), st.integers(2, 3)
    return st.fixed_dictionaries({}, optional={word: low if word in LOW else high for word in BOUNDS[kind]})


@st.composite
def edited(draw: st.DrawFn, before: dict[str, Any]) -> dict[str, Any]:
    """A schema that differs from `before` in at most one place."""
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
    """A value that the schema is likely to accept."""
    match schema["type"]:
        case "integer":
            # A narrower bound rejects the values at the old bound.
            return draw(st.sampled_from([schema.get("minimum", -1), schema.get("maximum", 5)]))
        case "string":
            words = [*WORDS, "dddd"]
            return draw(st.sampled_from([word for word in words if accepts(schema, word)] or words))
        case _:
            names = [
                name for name in schema["properties"] if name in schema["required"] or draw(st.booleans())
            ]
            return {name: draw(values(schema["properties"][name])) for name in names}


def accepts(top: dict[str, Any], value: Any) -> bool:
    """Return whether a schema accepts a value and keeps all of it."""
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
            return all(accepts(fields[name], inner) for name, inner in value.items())


def wrap(top: dict[str, Any]) -> dict[str, Any]:
    return {"spec": {"versions": [{"name": "v1", "schema": {"openAPIV3Schema": top}}]}}


@settings(max_examples=cases(500))
@given(st.data())
def test_compatible_schema_accepts_every_value_of_the_old_one(data: st.DataObject) -> None:
    before = data.draw(schemas())
    after = data.draw(edited(before))
    value = data.draw(values(before))
    if accepts(before, value) and not accepts(after, value):
        assert problems(wrap(before), wrap(after)) != []


@given(schemas())
def test_optional_field_is_compatible_to_add_but_not_to_remove(top: dict[str, Any]) -> None:
    assert problems(wrap(top), wrap(top)) == []
    if top["type"] == "object":
        wider = top | {"properties": top["properties"] | {"more": {"type": "string"}}}
        assert problems(wrap(top), wrap(wider)) == []
        assert problems(wrap(wider), wrap(top)) != []


def change(before: dict[str, Any], after: dict[str, Any]) -> pulumi.ResourceHookArgs:
    return pulumi.ResourceHookArgs(
        urn="urn", id="id", name="notificationrequests", type="crd", old_inputs=before, new_inputs=after
    )


def test_hook_raises_every_reason_and_names_the_override() -> None:
    narrowed = changed("subject", maxLength=9, minLength=2)
    with pytest.raises(CrdError) as caught:
        UNASKED.before_update(change(notification_request(), narrowed))
    assert str(caught.value).count("\n  - ") == 2
    assert "crdAllowIncompatible" in str(caught.value)
    assert str(caught.value).startswith("incompatible CRD change of notificationrequests: ")
    UNASKED.before_update(change(narrowed, notification_request()))


def test_crd_has_the_hook_unless_incompatible_is_allowed(record: Record) -> None:
    for each in record().of("CustomResourceDefinition"):
        assert each.update_hooks == ("platform-crds-compatibility",)
        assert each.create_hooks == ("platform-crds-compatibility-with-cluster",)
    for each in record(crdAllowIncompatible="true").of("CustomResourceDefinition"):
        assert (each.create_hooks, each.update_hooks) == ((), ())


class Live:
    """A cluster with definitions by name."""

    def __init__(self, **definitions: dict[str, Any]) -> None:
        self._definitions = {document["metadata"]["name"]: document for document in definitions.values()}

    def definition(self, name: str) -> dict[str, Any] | None:
        return self._definitions.get(name)


def guard(**live: dict[str, Any]) -> CompatibilityGuard:
    """Return the guard of both definitions in a cluster with other ones."""
    shipped = {
        "notificationrequests": notification_request(),
        "notificationreceivers": notification_receiver(),
    }
    return CompatibilityGuard(shipped, Live(**live))


def wider_receiver() -> dict[str, Any]:
    definition = copy.deepcopy(notification_receiver())
    schema(definition)["properties"]["description"]["maxLength"] = 9000
    return definition


def test_creation_over_wider_definitions_is_refused_with_every_reason() -> None:
    wider = changed("subject", maxLength=900, minLength=0)
    with pytest.raises(CrdError) as caught:
        guard(requests=wider, receivers=wider_receiver()).before_create(change({}, notification_request()))
    text = str(caught.value)
    assert "change of notificationrequests: " in text
    assert "change of notificationreceivers: " in text
    assert text.count("\n  - ") == 3
    assert text.count("crdAllowIncompatible") == 1


def test_creation_over_nothing_or_over_the_same_definition_is_accepted() -> None:
    creation = change({}, notification_request())
    guard().before_create(creation)
    guard(requests=notification_request(), receivers=notification_receiver()).before_create(creation)
    guard(requests=changed("subject", maxLength=9)).before_create(creation)
    UNASKED.before_create(creation)


def test_update_is_compared_with_the_state_and_the_cluster() -> None:
    same = change(notification_request(), notification_request())
    with pytest.raises(CrdError, match="maxLength changed from 900") as caught:
        guard(requests=changed("subject", maxLength=900)).before_update(same)
    assert str(caught.value).count("\n  - ") == 1
    wider = changed("subject", maxLength=900)
    with pytest.raises(CrdError) as caught:
        guard(requests=wider).before_update(change(wider, notification_request()))
    assert str(caught.value).count("\n  - ") == 1
