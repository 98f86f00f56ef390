"""What a script may tell a stub channel to do."""

from __future__ import annotations

import builtins
from typing import Annotated, Any, Literal

from pydantic import Base64Bytes, BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator

OWN = frozenset({"Transient", "Permanent", "CancelledError", "Mute"})
"""Exceptions beside Python's built-in ones: the contract's two, asyncio's, and one that cannot say what it is."""


def _known(name: object) -> str:
    kind = getattr(builtins, str(name), None)
    if name in OWN:
        return str(name)
    if not (isinstance(kind, type) and issubclass(kind, BaseException)):
        own = ", ".join(sorted(OWN))
        raise ValueError(f"{name!r} is no built-in exception, nor one of {own}")  # noqa: TRY004 - what pydantic asks for
    try:
        kind("")
    except TypeError as error:
        raise ValueError(f"{name} cannot be made from a text alone: {error}") from None
    return str(name)


def _text(value: object) -> str:
    # Not pydantic's own kind of text: that one refuses lone surrogates.
    if not isinstance(value, str):
        raise ValueError("a text is wanted")  # noqa: TRY004 - what pydantic asks for
    return value


Text = Annotated[str, PlainValidator(_text)]
Seconds = Annotated[float, Field(ge=0)]


class Failure(BaseModel):
    """An exception and what led to it.

    Its text is `text`, or the UTF-8 of `text_base64` with every byte that is none as a lone surrogate,
    repeated up to `size` characters when that is given. A `cause` is raised from, a `context` handled.
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
        """The text of the exception."""
        text = self.text if self.text_base64 is None else self.text_base64.decode(errors="surrogateescape")
        if self.size is None:
            return text
        return (text * (self.size // max(len(text), 1) + 1))[: self.size]


class Action(Failure):
    """One action: after `delay` seconds succeed (and return `value`), fail, break, or never come to an end."""

    do: Literal["succeed", "transient", "permanent", "raise", "never"]
    exception: Annotated[str, BeforeValidator(_known)] = "RuntimeError"
    delay: Seconds = 0
    value: Any = None
