"""How the author of a notification describes its message. Pure."""

from __future__ import annotations

from enum import StrEnum


class LifecycleEvent(StrEnum):
    """What a notification says about the incident of its `dedupKey`."""

    TRIGGER = "Trigger"
    ACKNOWLEDGE = "Acknowledge"
    RESOLVE = "Resolve"


class BodyFormat(StrEnum):
    """How a channel reads the body."""

    PLAIN = "Plain"
    MARKDOWN = "Markdown"
    NATIVE = "Native"
    """The markup of the channel itself, such as mrkdwn; the author writes for one channel."""
