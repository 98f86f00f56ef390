"""JSON as RFC 8259 has it, without what two readers understand differently: duplicate names, NaN, numbers beyond a float."""

from __future__ import annotations

import json
from collections import Counter
from math import isinf
from reprlib import repr as shown
from typing import TYPE_CHECKING, Any, Final, Never

from notification_domain.mapping.text import SURROGATE
from notification_domain.mapping.translation import Malformed

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_DEPTH: Final = 64
"""Lists and objects in each other."""
MAX_INTEGER: Final = 2**63
"""Integers from here on are read as floats, as most readers do."""


def parse(body: bytes, field: str = "body") -> Any:  # noqa: ANN401 - any JSON
    """Return the value of a text.

    A surrogate without its pair becomes a replacement character: senders that cut texts by UTF-16 produce them.

    Raises:
        Malformed: it is not JSON in UTF-8, or is nested too deeply.
    """
    try:
        value = json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_constant=_refuse,
            parse_float=_finite,
            parse_int=_integer,
        )
    except UnicodeDecodeError as error:
        raise Malformed(field, f"not UTF-8 at byte {error.start}", "JSON in UTF-8") from None
    except json.JSONDecodeError as error:
        raise Malformed(
            field, f"not JSON at line {error.lineno}, column {error.colno}: {error.msg}", "JSON"
        ) from None
    except RecursionError:
        raise _too_deep(field) from None
    if _is_deep(value):
        raise _too_deep(field)
    return _paired(value) if b"\\u" in body else value


def canonical(value: object) -> bytes:
    """Return the one text of a value, whatever order and spaces its sender used."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode("ascii")


def has_at_most(most: int, value: object) -> bool:
    """Return whether a value holds at most so many others, in whatever lists and objects."""
    level = _nested((value,))
    while level and most >= 0:
        most -= sum(map(len, level))
        level = _inner(level)
    return most >= 0


def _too_deep(field: str) -> Malformed:
    return Malformed(field, "nested too deeply", f"JSON of at most {MAX_DEPTH} levels")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        twice, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise Malformed(shown(twice), "there twice in one object", "there once")
    return result


def _refuse(constant: str) -> Never:
    raise Malformed("body", constant, "JSON, which has no such number")


def _finite(digits: str) -> float:
    number = float(digits)
    if isinf(number):
        raise Malformed("body", f"the number {shown(digits)}", "JSON with numbers up to 1.8e308")
    return number


def _integer(digits: str) -> int | float:
    # Python refuses to read integers of more than 4300 digits, and is slow before.
    number = int(digits) if len(digits) <= len(str(MAX_INTEGER)) else _finite(digits)
    return number if abs(number) < MAX_INTEGER else float(number)


def _is_deep(value: object) -> bool:
    level = _nested((value,))
    for _ in range(MAX_DEPTH):
        if not level:
            return False
        level = _inner(level)
    return bool(level)


def _inner(level: Iterable[dict[str, Any] | list[Any]]) -> list[dict[str, Any] | list[Any]]:
    return [child for each in level for child in _nested(each.values() if isinstance(each, dict) else each)]


def _nested(values: Iterable[object]) -> list[dict[str, Any] | list[Any]]:
    return [each for each in values if isinstance(each, dict | list)]


def _paired(value: Any) -> Any:  # noqa: ANN401 - any JSON
    text = json.dumps(value, ensure_ascii=False)
    return json.loads(SURROGATE.sub("\ufffd", text)) if SURROGATE.search(text) else value
