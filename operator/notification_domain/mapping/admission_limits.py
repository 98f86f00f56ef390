"""What the admission policies of a stack accept of a NotificationRequest, which can be less than its schema does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from notification_contract import bounds


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits; by default those of a stack without settings of its own. A post that exceeds them is not refused, but shortened."""

    body: int = bounds.BODY
    """Characters of the body."""
    metadata_entries: int = bounds.METADATA_ENTRIES
    metadata_value: int = bounds.METADATA_VALUE
    """Bytes of a value: at most as many characters."""
    action_links: int = bounds.ACTION_LINKS
    link_schemes: tuple[str, ...] = ("https",)
    """The schemes of action links: https, http or both, in lower case."""


DEFAULT: Final = Limits()
