"""The text of an error, fit for a status: readable, bounded, redacted, and valid in JSON."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from notification_domain.redaction.redact import redact as redact_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LIMIT: Final = 2048
"""Characters of a described error, with its mark."""
_REDACTED_LENGTH: Final = 16 * LIMIT
"""Characters that are redacted before the text is truncated: what follows cannot reach the result."""

_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"


def describe(
    error: BaseException,
    *,
    mark: str = "",
    bare: type[BaseException] | tuple[type[BaseException], ...] = (),
    redact: Callable[[str], str] = redact_text,
) -> str:
    """Return the text of an error and, when it adds something, of its root cause.

    Args:
        error: the outermost error of the chain.
        mark: precedes the text, and counts towards the limit.
        bare: classes whose messages need no class name in front.
        redact: removes secrets from a text.
    """
    outer, *inner = [_text(link, bare) for link in chain(error)]
    root = inner[-1] if inner else ""
    whole = mark + (f"{outer}; caused by {root}" if root not in outer else outer)
    visible = _UNPRINTABLE.sub(_REPLACEMENT, whole[:_REDACTED_LENGTH])
    return _truncate(redact(visible), length=len(whole))


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and its causes, from the outside in; a group leads to its first member.

    The order is that of a traceback: `raise … from None` ends it, and so does a cycle.
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
    except Exception:  # noqa: BLE001 - a failing __str__ must not replace the error
        return f"{name} (no text: __str__ failed)"
    if not message:
        return name
    return message if isinstance(error, bare) else f"{name}: {message}"


def _truncate(text: str, *, length: int) -> str:
    """Return the text within the limit; `length` is that of the original text."""
    if len(text) <= LIMIT and length <= _REDACTED_LENGTH:
        return text
    ending = f"… [truncated from {length} characters]"
    return text[: LIMIT - len(ending)] + ending
