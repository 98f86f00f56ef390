"""What the models of the API consist of: texts, times, and what a field says to the generator of the CRDs. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from notification_contract.kinds.choices import ConditionStatus

OBJECT_NAME: Final = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"
"""The pattern of the name of an object."""
Name = Annotated[str, Field(min_length=1, max_length=253)]
Text = Annotated[str, Field(max_length=1024)]
Time = Annotated[
    str,
    Field(
        max_length=64,
        # The format alone allows an offset of 25 hours and the year 0, which no library reads.
        pattern=r"^[1-9][0-9]{3}-\S+([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$",
        json_schema_extra={"format": "date-time"},
    ),
]
Reason = Annotated[str, Field(max_length=1024)]
Message = Annotated[str, Field(max_length=32_768)]
Generation = Annotated[int, Field(ge=0, json_schema_extra={"format": "int64"})]
Count = Annotated[int, Field(ge=0, le=2**31 - 1)]


class Block(BaseModel):
    """An object of the API. It rejects unknown keys and is immutable; keys are in camel case.

    The docstring of a field is its description in the CRD.
    """

    model_config = ConfigDict(
        defer_build=True,
        extra="forbid",
        frozen=True,
        alias_generator=to_camel,
        populate_by_name=True,
    )


@dataclass(frozen=True, slots=True)
class MapKeys:
    """The fields that tell the entries of a list apart, as an annotation of the list."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Always:
    """Marks a field that has a default and is required: the API server fills it in before it checks."""


class Condition(Block):
    """One condition."""

    type: Annotated[str, Field(min_length=1, max_length=316)]
    """The type of the condition in CamelCase."""
    status: ConditionStatus
    """The status of the condition."""
    observed_generation: Generation | None = None
    """The metadata.generation that the condition is based on."""
    last_transition_time: Time
    """The time of the last change of the condition status."""
    reason: Annotated[str, Field(min_length=1, max_length=1024)]
    """The machine-readable reason for the condition status in CamelCase."""
    message: Message
    """The human-readable explanation of the condition status."""


Conditions = Annotated[tuple[Condition, ...], Field(max_length=64), MapKeys(("type",))]
