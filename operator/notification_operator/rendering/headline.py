"""The headline of a message: its subject, with a mark that tells an acknowledged or resolved incident from a new one."""

from __future__ import annotations

from typing import Final, NamedTuple

from notification_contract.kinds.choices import LifecycleEvent


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
