"""A post to a source: what `translate` reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """A post that is authenticated, and not yet read."""

    content_type: str
    """The header Content-Type, with its parameters; empty if the sender gave none."""
    headers: Mapping[str, str]
    """The headers by their names in lower case."""
    body: bytes
    received: datetime
    """Aware."""
    covered: tuple[str, ...] = ()
    """What tells a signed post apart; empty if its sender is authenticated otherwise. Nothing else does: a recorded post would be new with
    another header (DD-IDENTITY-001)."""

    @property
    def media_type(self) -> str:
        """The type without its parameters, in lower case; empty if the sender gave none."""
        return self.content_type.partition(";")[0].strip().lower()
