"""The generator of the CRDs: what each part of a model becomes in a structural schema."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import pytest
from pydantic import ConfigDict, Field

from notification_contract.kinds.block import Always, Block, MapKeys
from notification_contract.kinds.definitions import KINDS, Kind
from notification_contract.kinds.rules import ApiRule, RuledBlock
from notification_contract.kinds.secrets import DefaultKey, SecretRef
from tools.generate.crd import UnknownTypeError, object_schema

if TYPE_CHECKING:
    from collections.abc import Iterator


class Size(StrEnum):
    SMALL = "Small"
    LARGE = "Large"


class Part(Block):
    """A part
    of something."""

    name: Annotated[str, Field(min_length=1, max_length=9, pattern="^a")]
    """Its name."""


class Whole(RuledBlock):
    """A whole."""

    model_config = ConfigDict(extra="allow")

    size: Annotated[Size, Always()] = Size.LARGE
    count: Annotated[int, Field(ge=1, le=3)] = 2
    generation: Annotated[int | None, Field(json_schema_extra={"format": "int64"})] = None
    share: float = 0.0
    enabled: bool = False
    empty: str = ""
    part: Part | None = None
    parts: Annotated[tuple[Part, ...], Field(max_length=4), MapKeys(("name",))] = ()
    labels: Annotated[
        dict[str, Annotated[str, Field(max_length=5)]],
        Field(max_length=6),
        ApiRule(cel="true", message="always"),
    ] = Field(default_factory=dict)
    secret_ref: Annotated[SecretRef | None, DefaultKey("url")] = None
    """The secret."""
    keys: Annotated[tuple[SecretRef, ...], DefaultKey("key")] = ()
    renamed: Annotated[str, Field(alias="from", max_length=7)] = "here"

    rules: ClassVar = (ApiRule(cel="self.count < 3", message_expression="'too many'"),)


SCHEMA = object_schema(Whole)
FIELDS = SCHEMA["properties"]


def test_model_becomes_an_object_with_its_docstring_and_rules() -> None:
    assert SCHEMA["description"] == "A whole."
    assert SCHEMA["x-kubernetes-preserve-unknown-fields"] is True
    assert SCHEMA["x-kubernetes-validations"] == [
        {"rule": "self.count < 3", "messageExpression": "'too many'"}
    ]
    assert SCHEMA["required"] == ["size"]


@pytest.mark.parametrize(
    ("name", "schema"),
    [
        ("size", {"type": "string", "enum": ["Small", "Large"], "default": "Large"}),
        ("count", {"type": "integer", "format": "int32", "minimum": 1, "maximum": 3, "default": 2}),
        ("generation", {"type": "integer", "format": "int64"}),
        ("share", {"type": "number"}),
        ("enabled", {"type": "boolean"}),
        ("empty", {"type": "string"}),
        ("from", {"type": "string", "maxLength": 7, "default": "here"}),
    ],
)
def test_field_has_type_bounds_and_default(name: str, schema: dict[str, Any]) -> None:
    assert FIELDS[name] == schema


def test_nested_model_has_its_own_docstring_in_one_line() -> None:
    part = {
        "type": "object",
        "description": "A part of something.",
        "required": ["name"],
        "properties": {
            "name": {
                "type": "string",
                "description": "Its name.",
                "minLength": 1,
                "maxLength": 9,
                "pattern": "^a",
            }
        },
    }
    assert FIELDS["part"] == part
    assert FIELDS["parts"] == {
        "type": "array",
        "items": part,
        "maxItems": 4,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["name"],
    }


def test_map_has_the_bounds_of_its_values_and_its_rules() -> None:
    assert FIELDS["labels"] == {
        "type": "object",
        "additionalProperties": {"type": "string", "maxLength": 5},
        "maxProperties": 6,
        "x-kubernetes-validations": [{"rule": "true", "message": "always"}],
    }


def test_reference_to_a_secret_has_the_default_key_of_its_field() -> None:
    assert FIELDS["secretRef"]["description"] == "The secret."
    assert FIELDS["secretRef"]["properties"]["key"]["default"] == "url"
    assert FIELDS["keys"]["items"]["properties"]["key"]["default"] == "key"


def test_type_without_a_schema_is_an_error_that_names_it() -> None:
    class Wrong(Block):
        """Wrong."""

        value: complex

    with pytest.raises(UnknownTypeError, match="complex"):
        object_schema(Wrong)


def described(schema: dict[str, Any], path: str) -> Iterator[tuple[str, str]]:
    """Yield each field of a schema with its description."""
    for name, field in schema.get("properties", {}).items():
        yield f"{path}.{name}", field.get("description", "")
        yield from described(field, f"{path}.{name}")
    if "items" in schema:
        yield from described(schema["items"], f"{path}[]")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
@pytest.mark.parametrize("part", ["spec", "status"])
def test_every_field_has_a_description(kind: Kind, part: str) -> None:
    schema = object_schema(getattr(kind, part))
    missing = [path for path, description in described(schema, part) if not description]
    assert missing == []
    assert schema["description"]
