"""What a process remembers of an incident."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime

    from notification_operator.domain.incident import Event
    from notification_operator.domain.key import Key

MOST_EVENTS: Final = 50
"""Those of an incident that are remembered."""


@dataclass(slots=True)
class Known:
    """What is known of one incident."""

    events: dict[str, Event] = field(default_factory=dict)
    """By uid."""
    complete: bool = False
    """Whether it was listed."""
    failing_since: float | None = None
    """Since when an event waits for a listing although some have failed, in monotonic seconds."""
    failed: float | None = None
    """When the latest listing failed."""
    fetching: asyncio.Lock = field(default_factory=asyncio.Lock)
    waiting: set[Key] = field(default_factory=set)
    """The notifications that wait for the end of an attempt that may begin their thread."""

    def fail(self, *, since: float, now: float) -> None:
        """Note that there is no listing yet, for an event that waits since this time."""
        self.failed = now
        self.failing_since = since if self.failing_since is None else self.failing_since

    def put(self, event: Event) -> None:
        """Remember an event. Beyond the limit another one is forgotten: the one that decides least, or the oldest of these."""
        self.events[event.key.uid] = event
        if len(self.events) > MOST_EVENTS:
            others = (each for each in self.events.values() if each is not event)
            del self.events[min(others, key=_weight).key.uid]


def _weight(event: Event) -> tuple[bool, bool, tuple[datetime, int, str]]:
    """Sort the events that went nowhere before those that may have arrived, and both before those that have not ended."""
    return not event.ended, any(stage.begun for stage in event.stages.values()), event.order
