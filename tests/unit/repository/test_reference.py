"""The generated references of kinds: every field and every rule of a CRD, and texts that Markdown shows as they are."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

import pytest

from notification_contract.crds import notification_receiver, notification_request, notification_source
from notification_contract.kinds.definitions import NOTIFICATION_SOURCE
from tests.unit.repository.test_docs import fields, page
from tools.generate import reference

if TYPE_CHECKING:
    from collections.abc import Iterator

DEFINITIONS = {
    "notificationrequest.md": notification_request,
    "sources/reference.md": notification_source,
    "notificationreceiver.md": notification_receiver,
}
"""The pages, and the CRDs that they show."""
each_page = pytest.mark.parametrize("name", DEFINITIONS)


def schema(name: str) -> dict[str, Any]:
    """Return the schema that a page shows."""
    (version,) = DEFINITIONS[name]()["spec"]["versions"]
    return cast("dict[str, Any]", version["schema"]["openAPIV3Schema"])


def row(field: dict[str, Any], *, required: bool = False) -> str:
    """Return the row of a field `spec.a`, without its path."""
    schema = {"properties": {"a": field}, "required": ["a"] if required else []}
    (found,) = reference.fields(schema, "spec")
    return reference._row(*found).removeprefix("| `spec.a` ")  # noqa: SLF001 - one row of the table


@each_page
def test_every_field_of_the_crd_has_one_row_and_no_other_has_one(name: str) -> None:
    properties = schema(name)["properties"]
    expected = [path for part in ("spec", "status") for path, _ in fields(properties[part], part)]
    rows = re.findall(r"^\| `((?:spec|status)\.[\w.\[\]]+)` \| .* \| .* \| ", page(name), re.MULTILINE)
    assert rows == expected


@each_page
def test_every_rule_of_the_crd_has_its_message(name: str) -> None:
    messages = list(_messages(schema(name)))
    assert len(messages) > 4
    assert [each for each in messages if f" | {each} |" not in page(name)] == []


def _messages(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        rules = node.get("x-kubernetes-validations", ())
        yield from (rule["message"] for rule in rules if "message" in rule)
        for each in node.values():
            yield from _messages(each)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("'remove spec.' + self.type + ', or set it'", "remove spec.…, or set it"),
        ("self.type == 'a' ? 'set a' : 'set ' + self.type", "set a; or: set …"),
    ],
)
def test_message_with_values_shows_an_ellipsis_for_each(expression: str, expected: str) -> None:
    schema = {"x-kubernetes-validations": [{"rule": "true", "messageExpression": expression}]}
    assert list(reference.rules(schema, "spec")) == [("spec", expected)]


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ({"type": "string", "minLength": 1, "maxLength": 9}, "string, 1 to 9 characters |"),
        ({"type": "string", "enum": ["x", "y"], "default": "x"}, "one of `x`, `y` | `x` |"),
        ({"type": "integer", "minimum": 0, "default": 600}, "integer, at least 0 | `600` |"),
        (
            {"type": "array", "items": {"type": "string"}, "maxItems": 3},
            "list of string, at most 3 entries |",
        ),
        ({"type": "object", "additionalProperties": {"type": "string"}}, "map to string |"),
        ({"type": "object", "default": {"b": 1}}, "object |  |"),
        ({"type": "string", "format": "date-time"}, "time |"),
    ],
)
def test_row_shows_type_bounds_and_default(field: dict[str, Any], expected: str) -> None:
    assert row(field).startswith(f"| {expected}")


def test_row_says_that_a_field_is_required() -> None:
    assert row({"type": "string"}, required=True).startswith("| string, required |")


def test_description_with_signs_of_markdown_is_shown_as_it_is() -> None:
    shown = row({"type": "string", "description": "a|b, * and <name>"})
    assert shown.endswith(r"| a\|b, \* and &lt;name> |")


def test_reference_of_a_kind_names_the_object_itself_for_its_own_rules() -> None:
    assert "| `metadata` | metadata.name has more than" in reference.reference(NOTIFICATION_SOURCE)
