"""Where a notification has arrived: at its receivers, and according to its status."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.harness.readings import body, header

if TYPE_CHECKING:
    from tests.harness.cluster import Object
    from tests.stack.operator_under_test import OperatorUnderTest

EMOJI = ("\U0001f6a8", "\u26a0\ufe0f", "\u2139\ufe0f", "\U0001f4ac")
"""The emoji of Slack's header, from critical down to low."""


def arrivals(suite: OperatorUnderTest, obj: Object) -> dict[str, int]:
    """Return the number of messages per receiver, without receivers that got none."""
    counts = {"console": len(suite.console(obj)), "slack": len(suite.slack.hits(obj))}
    return {channel: count for channel, count in counts.items() if count}


def printed(suite: OperatorUnderTest, obj: Object) -> Object:
    """Return subject and body of a notification's only message as the console shows them."""
    (text,) = suite.console(obj)
    intro = f"[{obj['spec']['priority']}] [{obj['spec']['type']}] "
    assert text.startswith(intro)
    assert text.endswith("\n")
    subject, _, rest = text.removeprefix(intro)[:-1].partition("\n")
    return {"subject": subject, "body": rest}


def shown(suite: OperatorUnderTest, obj: Object) -> Object:
    """Return subject and body of a notification's only message as Slack shows them."""
    hits = suite.slack.hits(obj)
    assert len(hits) == 1
    emoji, _, subject = header(*hits).partition(" ")
    assert emoji in EMOJI
    return {"subject": subject, "body": body(*hits)}


def errors(status: Object) -> list[str]:
    """Return the recorded errors, oldest first; an empty text for a success."""
    return [entry.get("error", "") for entry in status["deliveryAttempts"]]


def routing(status: Object) -> tuple[str, str, str]:
    (condition,) = [entry for entry in status["conditions"] if entry["type"] == "RoutingResolved"]
    return condition["status"], condition["reason"], condition["message"]
