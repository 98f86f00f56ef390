"""The routing document as stored in a ConfigMap: YAML text of bounded size that is parsed into a table. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

import yaml

from notification_contract.routing.table import RoutingTable, RoutingTableError, parse_table

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_CHARACTERS: Final = 262_144
MAX_VALUES: Final = 100_000
"""Maximum number of values after aliases are resolved: with aliases, a short text can describe an endless tree."""


def render(document: Mapping[str, Any]) -> str:
    """Return the YAML text of a routing document."""
    return yaml.safe_dump(dict(document), sort_keys=False, allow_unicode=True)


def check_document(document: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return everything that makes a routing document invalid, each with its path, and the keys of a valid one that have no effect."""
    try:
        text = render(document)
    except RecursionError:
        return ("the document is nested too deeply",), ()
    except Exception as error:  # noqa: BLE001 - whatever cannot be written as YAML is a problem of the document
        return (f"the document cannot be written as YAML: {_one_line(error)}",), ()
    return check_text(text)


def check_text(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the problems of the text of a routing document, and the keys of a valid one that have no effect."""
    try:
        return (), read_table(text).ignored
    except RoutingTableError as error:
        return tuple(error.problems), ()


def read_table(text: str) -> RoutingTable:
    """Parse a routing document.

    Raises:
        RoutingTableError: the document is invalid; lists every problem with its path and a hint.
    """
    if len(text) > MAX_CHARACTERS:
        raise RoutingTableError([f"the document has {len(text)} characters; use at most {MAX_CHARACTERS}"])
    try:
        document = yaml.safe_load(text)
    except Exception as error:  # noqa: BLE001 - the parser also lets errors of its constructors through
        raise RoutingTableError([f"the document is not valid YAML: {_one_line(error)}"]) from None
    if _exceeds(document, MAX_VALUES):
        raise RoutingTableError([f"the document contains more than {MAX_VALUES} values; use fewer"])
    try:
        return parse_table(document)
    except RoutingTableError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a value does to the parser is a problem of the document
        raise RoutingTableError([f"the document cannot be interpreted: {_one_line(error)}"]) from None


def _exceeds(document: object, limit: int) -> bool:
    """Return whether a document has more values than the limit. A value counts once per alias that repeats it."""
    open_branches: list[Iterator[object]] = [iter((document,))]
    count = 0
    while open_branches:
        value = next(open_branches[-1], _END)
        count += 1
        if count > limit:
            return True
        if value is _END:
            open_branches.pop()
        elif isinstance(value, Mapping):
            open_branches.append(iter(value.values()))
        elif isinstance(value, Iterable) and not isinstance(value, str | bytes):
            open_branches.append(iter(value))
    return False


_END: Final = object()


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
