"""Conditions on labels, as routing rules state them: `severity=~"critical|high"`.

As in Alertmanager, a label that is absent has the empty text as its value, and a regular
expression has to match the whole value.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class Operator(StrEnum):
    """How a label's value is compared."""

    EQUAL = "="
    NOT_EQUAL = "!="
    MATCHES = "=~"
    MATCHES_NOT = "!~"


@dataclass(frozen=True, slots=True, kw_only=True)
class Matcher:
    """One condition; `expression` is the compiled value of the two operators that take one."""

    label: str
    operator: Operator
    value: str
    expression: re.Pattern[str] | None = None

    def __str__(self) -> str:
        return f'{self.label}{self.operator}"{self.value}"'

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Return whether the labels meet the condition."""
        value = labels.get(self.label, "")
        same = self.expression.fullmatch(value) is not None if self.expression else value == self.value
        return same is (self.operator in {Operator.EQUAL, Operator.MATCHES})


def matcher(label: str, operator: Operator, value: str) -> Matcher:
    """Return a condition.

    Raises:
        ValueError: the value is no regular expression, and the operator takes one.
    """
    if operator in {Operator.EQUAL, Operator.NOT_EQUAL}:
        return Matcher(label=label, operator=operator, value=value)
    try:
        expression = re.compile(value)
    except re.error as error:
        raise ValueError(f"invalid regular expression {value!r}: {error}") from None
    return Matcher(label=label, operator=operator, value=value, expression=expression)


_ONE: Final = re.compile(
    r"""\s*(?P<label>"(?:[^"\\]|\\.)++"|[A-Za-z_][\w./-]*+)
        \s*(?P<operator>=~|!~|!=|=)
        \s*(?P<value>"(?:[^"\\]|\\.)*+"|[^"{},]*+)\s*(?P<end>,|\Z)""",
    re.VERBOSE,
)
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)


def parse_matchers(text: str) -> tuple[Matcher, ...]:
    """Read `severity="critical", team=~"a|b"`, with or without braces around it.

    Raises:
        ValueError: says what is wrong.
    """
    inner = text.strip()
    if inner.startswith("{") and inner.endswith("}"):
        inner = inner[1:-1]
    return tuple(_each(inner))


def _each(text: str) -> Iterator[Matcher]:
    position = 0
    while text[position:].strip():
        found = _ONE.match(text, position)
        if found is None:
            raise ValueError(f'cannot read {text[position:]!r}; write it like severity=~"critical|high"')
        yield matcher(_plain(found["label"]), Operator(found["operator"]), _plain(found["value"]))
        position = found.end()


def _plain(word: str) -> str:
    """Return what a word says, without its quotes and escapes."""
    if not word.startswith('"'):
        return word.strip()
    return _ESCAPE.sub(lambda escape: "\n" if escape[1] == "n" else escape[1], word[1:-1])
