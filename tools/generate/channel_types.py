"""The tables of channel types in the documentation, from their declarations."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from notification_contract.kinds.channel_types import CHANNEL_TYPES
from notification_contract.routing.receivers import KINDS

if TYPE_CHECKING:
    from notification_contract.kinds.channel_type import ChannelType


def table() -> str:
    """Return one row per page: the types that it describes, and the credential that they need."""
    rows = ["| type | page | credential |", "|---|---|---|"]
    types = sorted(CHANNEL_TYPES.values(), key=lambda each: each.is_shared)
    for page, group in groupby(types, key=_page):
        described = list(group)
        names = ", ".join(f"`{each.name}`" for each in described)
        titles = ", ".join(each.title for each in described)
        rows.append(f"| {names} | [{titles}](receivers/{page}.md) | {described[0].credential} |")
    return "\n".join(rows)


def routing_kinds() -> str:
    """Return the kinds of a routing document as a list in one line."""
    return ", ".join(f"`{kind}_configs`" for kind in KINDS)


def channels() -> str:
    """Return the values of `spec.channels` as a list in one line."""
    return ", ".join(f"`{name}`" for name, each in CHANNEL_TYPES.items() if each.in_channels)


def _page(channel_type: ChannelType) -> str:
    return channel_type.page or channel_type.name
