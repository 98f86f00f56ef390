"""The channel type `log`, which is the channel of the operator's settings. Pure."""

from __future__ import annotations

from typing import Final

from notification_contract.kinds.channel_type import UNUSED_BY_SHARED, ChannelType

LOG: Final = ChannelType(
    name="log",
    title="log",
    page="local",
    without_effect=UNUSED_BY_SHARED,
)
