"""What a reconciliation has decided to write."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from notification_operator.domain.attempt import Attempt


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusWrite:
    """A status, and what it was decided from."""

    version: str
    """The resourceVersion of the object as it was read: the write cannot be applied to another one."""
    status: dict[str, Any]
    recorded: tuple[Attempt, ...]
    """The finished attempts that it records."""
