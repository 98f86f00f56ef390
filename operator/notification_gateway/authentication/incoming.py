"""A request as authentication sees it: head and body, before anything of the body is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A request; `repr` shows nothing of it."""

    method: str
    headers: Mapping[str, str]
    """By their names in lower case; a header that was sent twice has its first value."""
    body: bytes | None
    """None if it is too large, or was not sent in time: then nothing of it is kept."""
    received: datetime
    is_too_large: bool = False

    def __repr__(self) -> str:
        return f"Incoming({self.method})"

    def credentials(self, scheme: str) -> str:
        """Return the credentials of an authorization scheme; empty without any."""
        found, _, value = self.headers.get("authorization", "").partition(" ")
        return value.strip() if found.lower() == scheme else ""
