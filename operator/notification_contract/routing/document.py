"""The routing document as it is kept: YAML text of a bounded size, read into a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

import yaml

from notification_contract.routing.table import RoutingTable, RoutingTableError, parse_table

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST: Final = 262_144
"""Characters of a document."""
MOST_VALUES: Final = 100_000
"""Values of a document once its aliases are followed: a short text can stand for a tree without end."""


def read_table(text: str) -> RoutingTable:
    """Read a routing document.

    Raises:
        RoutingTableError: with every problem found, each naming the place and the remedy.
    """
    if len(text) > LONGEST:
        raise RoutingTableError([f"the document has {len(text)} characters; use at most {LONGEST}"])
    try:
        document = yaml.safe_load(text)
    except Exception as error:  # noqa: BLE001 - besides its own errors the reader lets through what its parts raise
        raise RoutingTableError([f"the document is not YAML: {_one_line(error)}"]) from None
    if _exceeds(document, MOST_VALUES):
        raise RoutingTableError([f"the document holds more than {MOST_VALUES} values; use fewer"])
    return parse_table(document)


def _exceeds(document: object, most: int) -> bool:
    """Return whether a document has more values than that, each counted wherever an alias repeats it."""
    open_branches: list[Iterator[object]] = [iter((document,))]
    count = 0
    while open_branches:
        value = next(open_branches[-1], _END)
        count += 1
        if count > most:
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
