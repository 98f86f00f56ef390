"""Slack: incoming webhooks and the bot token."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from notification_operator.delivery.channel import Channel


def create(*arguments: Any, **more: Any) -> Channel:  # noqa: ANN401 - those of `receiver.create`
    """Return the channel of a receiver; see `receiver.create`."""
    # Templates take memory, which the channel of the settings does not need.
    channel: Channel = import_module(f"{__name__}.receiver").create(*arguments, **more)
    return channel
