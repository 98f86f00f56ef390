"""Builds the exceptions of a script, with their causes and contexts."""

from __future__ import annotations

import asyncio
import builtins
from typing import TYPE_CHECKING

from notification_runtime.delivery.channel import Permanent, Transient

if TYPE_CHECKING:
    from tests.harness.stub.actions import Failure


class Mute(Exception):  # noqa: N818 - part of the script language
    """An error without text."""

    def __str__(self) -> str:
        raise RuntimeError("this error has no text")

    __repr__ = __str__


OWN: dict[str, type[BaseException]] = {
    "Permanent": Permanent,
    "CancelledError": asyncio.CancelledError,
    "Mute": Mute,
}


def build(failure: Failure, name: str = "") -> BaseException:
    """Return the exception; `name` replaces the one in the script."""
    error = _bare(name or failure.exception, failure)
    error.__context__ = None if failure.context is None else build(failure.context)
    if failure.cause is not None:
        error.__cause__ = build(failure.cause)
    return error


def _bare(name: str, failure: Failure) -> BaseException:
    if name == "Transient":
        return Transient(failure.wording, retry_after=failure.retry_after)
    kind: type[BaseException] = OWN.get(name) or getattr(builtins, name)
    return kind(failure.wording) if failure.wording else kind()
