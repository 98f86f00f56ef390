"""The text of an error, fit for a status: readable, bounded, redacted, and valid in JSON."""

from __future__ import annotations

import os
import re
import socket
import ssl
from typing import TYPE_CHECKING, Final

from notification_domain.redaction.redact import redact as redact_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LIMIT: Final = 2048
"""Characters of a described error, with its mark."""
_REDACTED_LENGTH: Final = 16 * LIMIT
"""Characters that are redacted before the text is truncated: what follows cannot reach the result."""

UNEXPECTED: Final = "unexpected error; see the log of the operator"

_NUMBERS: Final = re.compile(r"\[(?:Errno|SSL)[^\]]*\] ?| ?\(_ssl\.c:\d+\)")
"""What Python and OpenSSL write around a message: numbers of the system and places in their source."""

_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"


def describe(
    error: BaseException,
    *,
    mark: str = "",
    redact: Callable[[str], str] = redact_text,
) -> str:
    """Return the text of an error and, when it adds something, of its root cause.

    Args:
        error: the outermost error of the chain.
        mark: precedes the text, and counts towards the limit.
        redact: removes secrets from a text.
    """
    outer, *inner = [readable(link) for link in chain(error)]
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


def readable(error: BaseException) -> str:
    """Return what happened, in words: no name of a class, no errno. UNEXPECTED if the error does not say.

    The host and port of a failed connection are those that its error has, as the errors of aiohttp do.
    """
    if not isinstance(error, Exception):
        return UNEXPECTED
    try:
        text = _NUMBERS.sub("", _connection(error) or _words(error)).strip()
    except Exception:  # noqa: BLE001 - a failing __str__ must not replace the error
        return UNEXPECTED
    return text or UNEXPECTED


def _connection(error: Exception) -> str:
    """Return what happened to a connection, and with which server; empty for other errors."""
    reason = getattr(error, "os_error", None) or getattr(error, "certificate_error", None)
    host, port = getattr(error, "host", ""), getattr(error, "port", "")
    if not host or not isinstance(reason, Exception):
        return ""
    text = readable(reason)
    return (
        f"{text} by {host}:{port}" if isinstance(reason, ConnectionRefusedError) else f"{host}:{port}: {text}"
    )


def _words(error: Exception) -> str:
    match error:
        case ssl.SSLCertVerificationError():
            text = f"the certificate is not valid: {getattr(error, 'verify_message', '') or error}"
        case ssl.SSLError(reason=str(reason)):
            text = f"TLS failed: {reason.lower().replace('_', ' ')}"
        case socket.gaierror(strerror=str(reason)):
            text = f"the name cannot be resolved: {reason.lower()}"
        case OSError(errno=int(number), filename=name):
            reason = os.strerror(number).lower()
            text = f"{name}: {reason}" if isinstance(name, str) else reason
        case KeyError():
            text = f"{error} is missing"
        case Exception(args=(int(), str(text))):
            pass
        case _:
            text = str(error) or ("no answer in time" if isinstance(error, TimeoutError) else "")
    return text


def _truncate(text: str, *, length: int) -> str:
    """Return the text within the limit; `length` is that of the original text."""
    if len(text) <= LIMIT and length <= _REDACTED_LENGTH:
        return text
    ending = f"… [truncated from {length} characters]"
    return text[: LIMIT - len(ending)] + ending
