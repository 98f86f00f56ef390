"""The channel type `console`, which is the channel of the operator's settings. Pure."""

from __future__ import annotations

from typing import Final

from notification_contract.kinds.channel_type import UNUSED_BY_SHARED, ChannelType

CONSOLE: Final = ChannelType(
    name="console",
    title="console",
    page="local",
    without_effect=UNUSED_BY_SHARED,
)
