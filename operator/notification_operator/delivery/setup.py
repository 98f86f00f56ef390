"""The channels that the settings ask for, by name; the only place that knows them all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from notification_operator.delivery.channels.console import ConsoleChannel
from notification_operator.delivery.channels.file import FileChannel
from notification_operator.delivery.channels.log import LogChannel

if TYPE_CHECKING:
    from notification_operator.delivery.contract import Channel
    from notification_operator.settings import Channels


def channels(settings: Channels) -> dict[str, Channel]:
    """Return a channel for each one enabled."""
    made: dict[str, Channel] = {}
    if settings.console.enabled:
        made["console"] = ConsoleChannel()
    if settings.file.enabled:
        made["file"] = FileChannel(settings.file.directory)
    if settings.log.enabled:
        made["log"] = LogChannel()
    return made
