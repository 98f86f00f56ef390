"""Conditions on labels in routing rules, such as `severity=~"critical|high"`. Pure.

As in Alertmanager, a missing label has an empty value, and a regular expression must match the whole value. Regular
expressions are RE2's: the time of a match grows linearly with the value, whatever the expression is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import re2

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

MAX_BYTES: Final = 1 << 16
"""Memory of one compiled expression; a document may have thousands of them."""


class Operator(StrEnum):
    """How a label's value is compared."""

    EQUAL = "="
    NOT_EQUAL = "!="
    MATCHES = "=~"
    MATCHES_NOT = "!~"


@dataclass(frozen=True, slots=True, kw_only=True)
class Matcher:
    """A condition on one label."""

    label: str
    operator: Operator
    value: str
    fullmatch: Callable[[str], object | None] | None = None
    """Matches the whole text; None for the operators that take no regular expression."""

    def __str__(self) -> str:
        return f'{self.label}{self.operator}"{self.value}"'

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Return whether the labels meet the condition."""
        value = labels.get(self.label, "")
        equal = self.fullmatch(value) is not None if self.fullmatch else value == self.value
        return equal is (self.operator in {Operator.EQUAL, Operator.MATCHES})


def matcher(label: str, operator: Operator, value: str) -> Matcher:
    """Return a condition.

    Raises:
        ValueError: the operator takes a regular expression, and the value is not a valid one.
    """
    if operator in {Operator.EQUAL, Operator.NOT_EQUAL}:
        return Matcher(label=label, operator=operator, value=value)
    return Matcher(label=label, operator=operator, value=value, fullmatch=_compiled(value))


def _compiled(value: str) -> Callable[[str], object | None]:
    options = re2.Options()
    options.max_mem, options.log_errors = MAX_BYTES, False
    try:
        fullmatch: Callable[[str], object | None] = re2.compile(value, options).fullmatch
    except (re2.error, UnicodeEncodeError) as error:
        raise ValueError(
            f"invalid regular expression {value!r}: {_reason(error)}; write it in the syntax of RE2"
        ) from None
    return fullmatch


def _reason(error: Exception) -> str:
    """Return the reason of an error; RE2 states it in bytes."""
    reason = error.args[0] if isinstance(error, re2.error) else "it contains a surrogate"
    return reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)


_CONDITION: Final = re.compile(
    r"""\s*(?P<label>"(?:[^"\\]|\\.)++"|[A-Za-z_][\w./-]*+)
        \s*(?P<operator>=~|!~|!=|=)
        \s*(?P<value>"(?:[^"\\]|\\.)*+"|[^"{},]*+)\s*(?P<end>,|\Z)""",
    re.VERBOSE,
)
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)


def parse_matchers(text: str) -> tuple[Matcher, ...]:
    """Parse conditions such as `severity="critical", team=~"a|b"`, with or without braces.

    Raises:
        ValueError: the text is not a list of conditions.
    """
    inner = text.strip()
    if inner.startswith("{") and inner.endswith("}"):
        inner = inner[1:-1]
    return tuple(_conditions(inner))


def _conditions(text: str) -> Iterator[Matcher]:
    position = 0
    while text[position:].strip():
        match = _CONDITION.match(text, position)
        if match is None:
            raise ValueError(f'cannot parse {text[position:]!r}; write it like severity=~"critical|high"')
        yield matcher(_unquoted(match["label"]), Operator(match["operator"]), _unquoted(match["value"]))
        position = match.end()


def _unquoted(word: str) -> str:
    """Return a word without its quotes and escapes."""
    if not word.startswith('"'):
        return word.strip()
    return _ESCAPE.sub(lambda escape: "\n" if escape[1] == "n" else escape[1], word[1:-1])
