"""The actions of a stub channel's script."""

from __future__ import annotations

import builtins
from typing import Annotated, Any, Literal

from pydantic import Base64Bytes, BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator

OWN = frozenset({"Transient", "Permanent", "CancelledError", "Mute"})
"""Exceptions in addition to the built-in ones: two of the channel contract, asyncio's, and one without text."""


def _known(name: object) -> str:
    kind = getattr(builtins, str(name), None)
    if name in OWN:
        return str(name)
    if not (isinstance(kind, type) and issubclass(kind, BaseException)):
        own = ", ".join(sorted(OWN))
        raise ValueError(f"{name!r} is no built-in exception, nor one of {own}")  # noqa: TRY004 - pydantic expects a ValueError
    try:
        kind("")
    except TypeError as error:
        raise ValueError(f"{name} cannot be made from a text alone: {error}") from None
    return str(name)


def _text(value: object) -> str:
    # Not pydantic's str, which rejects lone surrogates.
    if not isinstance(value, str):
        raise ValueError("a text is wanted")  # noqa: TRY004 - pydantic expects a ValueError
    return value


Text = Annotated[str, PlainValidator(_text)]
Seconds = Annotated[float, Field(ge=0)]


class Failure(BaseModel):
    """An exception with its cause and context.

    Its text is `text`, or the UTF-8 of `text_base64` with invalid bytes as lone surrogates, repeated up to
    `size` characters.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    exception: Annotated[str, BeforeValidator(_known)]
    text: Text = ""
    text_base64: Base64Bytes | None = None
    size: Annotated[int, Field(ge=1, le=10_000_000)] | None = None
    retry_after: Seconds | None = None
    cause: Failure | None = None
    context: Failure | None = None

    @property
    def wording(self) -> str:
        text = self.text if self.text_base64 is None else self.text_base64.decode(errors="surrogateescape")
        if self.size is None:
            return text
        return (text * (self.size // max(len(text), 1) + 1))[: self.size]


class Action(Failure):
    """One action: after `delay` seconds succeed (and return `value`), fail, raise, or never end."""

    do: Literal["succeed", "transient", "permanent", "raise", "never"]
    exception: Annotated[str, BeforeValidator(_known)] = "RuntimeError"
    delay: Seconds = 0
    value: Any = None
