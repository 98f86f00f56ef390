"""Conditions over several fields: for the API server in CEL, and for the parser in Python. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

from pydantic import AfterValidator, model_validator
from pydantic.alias_generators import to_camel

from notification_contract.kinds.block import Block

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pydantic import GetCoreSchemaHandler, ValidationError


SEPARATOR: Final = "\n"
"""Between the problems of one object: an exception has one text."""


class SpecError(ValueError):
    """A spec that this version cannot use; `problems` holds one text per problem, with the path of the field."""

    def __init__(self, error: ValidationError) -> None:
        self.problems = tuple(text for each in error.errors(include_url=False) for text in _texts(each))
        super().__init__("; ".join(self.problems))


def _texts(error: Mapping[str, Any]) -> Iterator[str]:
    path = ".".join(map(str, error["loc"])) or "spec"
    for problem in str(error["msg"]).removeprefix("Value error, ").split(SEPARATOR):
        yield f"{path}: {problem}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiRule:
    """A condition that an object must meet, or a field if it is an annotation of that."""

    cel: str
    """The condition in CEL; `self` is the value that has the rule."""
    message: str = ""
    """What is wrong, and what to do."""
    message_expression: str = ""
    """CEL for the message, where it contains a value."""
    holds: Callable[[Any], bool] | None = None
    """The condition in Python; None where only the API server can check it, as for the name of an object."""
    explain: Callable[[Any], str] | None = None
    """The message in Python, where it contains a value."""

    def problem(self, value: object) -> str:
        """Return why a value does not meet the condition; empty if it does."""
        if self.holds is None or self.holds(value):
            return ""
        return self.explain(value) if self.explain else self.message

    def checked(self, value: Any) -> Any:  # noqa: ANN401 - the value of any field
        """Return a value that meets the condition.

        Raises:
            ValueError: it does not.
        """
        if problem := self.problem(value):
            raise ValueError(problem)
        return value

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> Any:  # noqa: ANN401 - a schema of pydantic's core
        """Let a field that has the rule as an annotation be checked."""
        if self.holds is None:
            return handler(source)
        return AfterValidator(self.checked).__get_pydantic_core_schema__(source, handler)

    def document(self) -> dict[str, str]:
        """Return the rule as an entry of `x-kubernetes-validations`."""
        if self.message_expression:
            return {"rule": self.cel, "messageExpression": self.message_expression}
        return {"rule": self.cel, "message": self.message}


class RuledBlock(Block):
    """A block with conditions over its fields."""

    rules: ClassVar[tuple[ApiRule, ...]] = ()

    @model_validator(mode="after")
    def _check_rules(self) -> Self:
        if problems := [problem for rule in self.rules if (problem := rule.problem(self))]:
            raise ValueError(SEPARATOR.join(problems))
        return self


@dataclass(frozen=True, slots=True)
class Presence:
    """Whether a field is set."""

    attribute: str
    name: str
    """The field's name in the API."""
    cel: str

    def holds(self, block: Block) -> bool:
        """Return whether a block has the field."""
        return bool(getattr(block, self.attribute))


def present(attribute: str) -> Presence:
    """Return whether a reference is set."""
    name = to_camel(attribute)
    return Presence(attribute, name, f"has(self.{name})")


def filled(attribute: str, *, name: str = "") -> Presence:
    """Return whether a text is set and not empty."""
    name = name or to_camel(attribute)
    return Presence(attribute, name, f"(has(self.{name}) && self.{name} != '')")


def exactly_one(path: str, first: Presence, second: Presence) -> ApiRule:
    """Return the rule that exactly one of two fields of the object at `path` is set."""
    return ApiRule(
        cel=f"{first.cel} != {second.cel}",
        message=f"set exactly one of {path}.{first.name} and {path}.{second.name}",
        holds=lambda block: first.holds(block) != second.holds(block),
    )


def only_together(path: str, field: Presence, other: Presence) -> ApiRule:
    """Return the rule that a field of the object at `path` is set if another one is, and only then."""
    return ApiRule(
        cel=f"{other.cel} == {field.cel}",
        message=f"set {path}.{field.name} with {path}.{other.name}, and only then",
        holds=lambda block: field.holds(block) == other.holds(block),
    )
