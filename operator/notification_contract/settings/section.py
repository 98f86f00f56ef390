"""The base of all settings sections, and types that several sections use. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, model_validator

if TYPE_CHECKING:
    from collections.abc import Callable

RULES_LATER: Final = {"rules": "later"}
"""Validation context of a caller that checks the rules itself, because it does not know all values yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A condition over several settings of a section.

    The texts contain `{0}`, `{1}` and so on for the names of `settings`, since a configuration file and a stack name
    the same setting differently.
    """

    settings: tuple[str, ...]
    """Names in the section; a violation is reported for the first one."""
    is_broken: Callable[[Any], bool]
    """Takes the section."""
    problem: str
    hint: str


class Section(BaseModel):
    """A group of settings. It rejects unknown keys and is immutable; a field's docstring is its description."""

    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True, use_attribute_docstrings=True)

    rules: ClassVar[tuple[Rule, ...]] = ()

    @model_validator(mode="after")
    def _check_rules(self, info: ValidationInfo) -> Self:
        if info.context == RULES_LATER:
            return self
        for rule in self.broken_rules():
            name, *_ = rule.settings
            raise ValueError(f"{name} {rule.problem}; {rule.hint}".format(*rule.settings))
        return self

    def broken_rules(self) -> list[Rule]:
        """Return the rules that the values of this section violate."""
        return [rule for rule in self.rules if rule.is_broken(self)]


Port = Annotated[int, Field(ge=0, le=65535)]
Seconds = Annotated[float, Field(gt=0, le=3600)]


def is_http_url(text: str) -> bool:
    """Return whether a text is an absolute http or https URL without white space."""
    try:
        parts = urlsplit(text)
        usable = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False
    return usable and parts.scheme in {"http", "https"} and not any(c.isspace() for c in text)
