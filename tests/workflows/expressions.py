"""The expressions of GitHub's workflows, as far as ours use them."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PART = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
TOKEN = re.compile(
    r"(?P<text>'(?:[^']|'')*')|(?P<name>[A-Za-z_][\w-]*)|(?P<number>\d+)|(?P<sign>&&|\|\||==|!=|[!.()\[\],])|\s+"
)
SIGNS = {"&&": " and ", "||": " or ", "!": " not "}
WORDS = {"true": "True", "false": "False", "null": "None"}


class Missing(dict[str, Any]):
    """A context or a part of one, whose missing properties are null, as on GitHub."""

    def __getitem__(self, key: Any) -> Any:
        return wrapped(super().get(key))

    def __eq__(self, other: object) -> bool:
        """Null equals an empty text."""
        return other in ("", None) if not self else super().__eq__(other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None


def wrapped(value: Any) -> Any:
    """Return a value whose properties can be read; null has null properties."""
    if isinstance(value, dict):
        return Missing(value)
    return _List(value) if isinstance(value, list) else Missing() if value is None else value


class _List(list[Any]):
    def __getitem__(self, key: Any) -> Any:
        return wrapped(super().__getitem__(key)) if isinstance(key, int) and key < len(self) else Missing()


def evaluate(
    expression: str, contexts: Mapping[str, Any], functions: Mapping[str, Callable[..., Any]]
) -> Any:
    """Return the value of an expression."""
    names = {name: wrapped(value) for name, value in contexts.items()}
    known = {
        "toJSON": json.dumps,
        "fromJSON": lambda text: wrapped(json.loads(text)),
        "hashFiles": lambda *_: "",
    }
    return eval(_python(expression), {"__builtins__": {}}, {**names, **known, **functions})  # noqa: S307 - our own files


def _python(expression: str) -> str:
    parts, before = [], ""
    for match in TOKEN.finditer(expression.strip()):
        kind, word = match.lastgroup, match.group()
        if kind == "text":
            word = repr(word[1:-1].replace("''", "'"))
        elif kind == "name":
            word = f"[{word!r}]" if before == "." else WORDS.get(word, word)
        elif kind == "sign":
            word = "" if word == "." else SIGNS.get(word, word)
        parts.append(word)
        before = match.group() if match.group().strip() else before
    return "".join(parts)


def filled(value: Any, contexts: Mapping[str, Any], functions: Mapping[str, Callable[..., Any]]) -> Any:
    """Return a value of a workflow with all expressions in it replaced."""
    if isinstance(value, dict):
        return {key: filled(each, contexts, functions) for key, each in value.items()}
    if isinstance(value, list):
        return [filled(each, contexts, functions) for each in value]
    if not isinstance(value, str):
        return value
    whole = re.fullmatch(r"\$\{\{(.*)\}\}", value.strip(), re.DOTALL)
    if whole and "${{" not in whole[1]:
        return evaluate(whole[1], contexts, functions)
    return PART.sub(lambda part: text(evaluate(part[1], contexts, functions)), value)


def text(value: Any) -> str:
    """Return a value as a script sees it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else "" if value in ({}, None) else json.dumps(value)
