"""The generated reference of NotificationSource: every field and every rule of its CRD, and texts that Markdown shows as they are."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from notification_contract.crds import notification_source
from notification_contract.kinds.definitions import NOTIFICATION_SOURCE
from tests.unit.repository.test_docs import fields, page
from tools.generate import reference

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = page("sources/reference.md")
(VERSION,) = notification_source()["spec"]["versions"]
SCHEMA = VERSION["schema"]["openAPIV3Schema"]


def row(field: dict[str, Any], *, required: bool = False) -> str:
    """Return the row of a field `spec.a`, without its path."""
    schema = {"properties": {"a": field}, "required": ["a"] if required else []}
    (found,) = reference.fields(schema, "spec")
    return reference._row(*found).removeprefix("| `spec.a` ")  # noqa: SLF001 - one row of the table


def test_every_field_of_the_crd_has_one_row_and_no_other_has_one() -> None:
    expected = [path for part in ("spec", "status") for path, _ in fields(SCHEMA["properties"][part], part)]
    assert re.findall(r"^\| `((?:spec|status)\.[\w.\[\]]+)` \| .* \| .* \| ", PAGE, re.MULTILINE) == expected


def test_every_rule_of_the_crd_has_its_message() -> None:
    messages = list(_messages(SCHEMA))
    assert len(messages) > 10
    assert [each for each in messages if f" | {each} |" not in PAGE] == []


def _messages(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        yield from (rule["message"] for rule in node.get("x-kubernetes-validations", ()))
        for each in node.values():
            yield from _messages(each)


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
