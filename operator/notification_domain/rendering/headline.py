"""The headline of a message: its subject, with a mark that tells an acknowledged or resolved incident from a new one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from notification_contract.kinds.choices import LifecycleEvent

if TYPE_CHECKING:
    from datetime import timedelta


class Look(NamedTuple):
    """How the messages of an event differ from others."""

    mark: str
    """In front of the subject."""
    emoji: str
    """In front of the mark, where the service shows emoji."""
    color: int
    """As 0xRRGGBB."""


LOOKS: Final = {
    LifecycleEvent.ACKNOWLEDGE: Look("[ACKNOWLEDGED]", "\N{EYES}", 0xF9A825),
    LifecycleEvent.RESOLVE: Look("[RESOLVED]", "\N{WHITE HEAVY CHECK MARK}", 0x2E7D32),
}
"""By event. A Trigger looks as its priority does."""


RESOLVED_AFTER: Final = "resolved after "
NOT_UPDATED: Final = "the first message of the incident is not updated"
"""The begin of the note on a delivered Resolve."""


def headline(event: LifecycleEvent, subject: str) -> str:
    """Return a subject with the mark of an event, which a subject that begins with it keeps as it is."""
    look = LOOKS.get(event)
    if look is None or subject.upper().startswith(look.mark):
        return subject
    return f"{look.mark} {subject}"


def chat_headline(event: LifecycleEvent, subject: str) -> str:
    """Return the headline for a service that shows emoji."""
    look = LOOKS.get(event)
    text = headline(event, subject)
    return f"{look.emoji} {text}" if look else text


def resolved_after(elapsed: timedelta) -> str:
    """Return how long an incident lasted, such as `resolved after 12 min`."""
    seconds = max(int(elapsed.total_seconds()), 0)
    days, hours, minutes = seconds // 86_400, seconds // 3600, seconds // 60
    if days:
        return f"{RESOLVED_AFTER}{days} d {hours % 24} h"
    if hours:
        return f"{RESOLVED_AFTER}{hours} h {minutes % 60} min"
    return f"{RESOLVED_AFTER}{minutes} min" if minutes else f"{RESOLVED_AFTER}{seconds} s"
