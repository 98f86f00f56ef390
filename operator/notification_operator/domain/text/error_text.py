"""The text of an error, fit for a status: readable, bounded, free of secrets and of what JSON cannot hold."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from notification_operator.domain.redaction.redact import sanitize

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LIMIT: Final = 2048
"""Characters of a described error, with its marks."""
_LOOKED_AT: Final = 16 * LIMIT
"""Characters that are sanitised before the cut: what follows cannot reach the text."""

_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"


def describe(
    error: BaseException,
    *,
    mark: str = "",
    bare: type[BaseException] | tuple[type[BaseException], ...] = (),
    mask: Callable[[str], str] = sanitize,
) -> str:
    """Return the text of an error and, when that adds something, of its root cause.

    Args:
        error: the outermost error of the chain.
        mark: goes in front of the text, and counts towards the limit.
        bare: classes whose messages speak for themselves; any other is named by its class.
        mask: takes the secrets out of a text.
    """
    outer, *inner = [_text(link, bare) for link in chain(error)]
    root = inner[-1] if inner else ""
    whole = mark + (f"{outer}; caused by {root}" if root not in outer else outer)
    visible = _UNPRINTABLE.sub(_REPLACEMENT, whole[:_LOOKED_AT])
    return _cut(mask(visible), length=len(whole))


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and what led to it, from the outside in; a group leads to its first member.

    It goes the way of a traceback: `raise … from None` ends it, and a loop is left at its start.
    """
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = _cause(error)


def _cause(error: BaseException) -> BaseException | None:
    if error.__cause__ is not None:
        return error.__cause__
    if isinstance(error, BaseExceptionGroup):
        first: BaseException = error.exceptions[0]
        return first
    return None if error.__suppress_context__ else error.__context__


def _text(error: BaseException, bare: type[BaseException] | tuple[type[BaseException], ...]) -> str:
    name = type(error).__name__
    try:
        message = str(error).strip()
    except Exception:  # noqa: BLE001 - an error that cannot say what it is must not become another one
        return f"{name} (its text cannot be shown)"
    if not message:
        return name
    return message if isinstance(error, bare) else f"{name}: {message}"


def _cut(text: str, *, length: int) -> str:
    """Return the text within the limit; `length` is that of the error as it came."""
    if len(text) <= LIMIT and length <= _LOOKED_AT:
        return text
    ending = f"… [cut from {length} characters]"
    return text[: LIMIT - len(ending)] + ending
