"""Settings for drills: messages that only prove that receivers get messages. Pure."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from notification_contract.cron import parse_cron
from notification_contract.settings.section import Section


def _schedule(text: str) -> str:
    """Return a schedule as it is written; an empty one means none.

    Raises:
        CronError: it is none.
    """
    if text:
        parse_cron(text)
    return text


class Drill(Section):
    """Drills of receivers on a schedule."""

    schedule: Annotated[str, AfterValidator(_schedule)] = ""
    """Cron expression of the drills, such as `0 9 * * 1`, or a name such as `@daily`; empty for none. At each time the platform sends a message marked [DRILL] to every NotificationReceiver in the watched namespaces, as `notif drill` does; people get them."""
