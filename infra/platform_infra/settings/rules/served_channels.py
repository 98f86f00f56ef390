"""Whether there is a channel behind every channel of the routing rules. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from notification_contract import settings as contract
from notification_contract.routing.document import read_table, render
from notification_contract.routing.table import RoutingTableError
from platform_infra.settings.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from notification_contract.routing.table import Rule
    from platform_infra.settings.model import Settings

BUILT_IN = tuple(name for name in contract.Channels.model_fields if name != "plugins")
KEYS = frozenset(
    {
        *("routing", "receivers", "receiversEnabled", "receiversElsewhere", "channelsPlugins"),
        *(f"channels{name.capitalize()}Enabled" for name in BUILT_IN),
    }
)
"""The settings that decide it."""


def served(settings: Settings) -> set[str]:
    """Return the channels that deliver: those of the settings, plugins, and types with a default receiver."""
    channels = {name for name in BUILT_IN if getattr(settings.channels, name).enabled}
    channels |= set(settings.channels.plugins)
    if settings.receivers_enabled:
        channels |= {str(each.spec.get("type")) for each in settings.receivers if each.default}
        channels |= set(settings.receivers_elsewhere)
    return channels


def unserved_channels(settings: Settings) -> Iterator[Problem]:
    """Yield each channel of the rules that would fail every notification."""
    try:
        table = read_table(render(settings.routing))
    except RoutingTableError:
        return  # Reported elsewhere.
    known = served(settings)
    pairs = ((receiver, channel) for receiver, channel in dict.fromkeys(_channels(table.root)))
    for receiver, channel in pairs:
        if channel not in known:
            yield Problem(
                key="routing",
                what=f"leads to the channel {channel} by its receiver {receiver!r}, but nothing delivers to {channel}",
                hint=_hint(channel),
            )


def _channels(rule: Rule) -> Iterator[tuple[str, str]]:
    for channel in rule.receiver.channels:
        yield rule.receiver.name, channel
    for child in rule.rules:
        yield from _channels(child)


def _hint(channel: str) -> str:
    enable = f"set channels{channel.capitalize()}Enabled to true, or " if channel in BUILT_IN else ""
    return (
        f"{enable}add a receiver of the type {channel} with `default: true` to receivers; if others create such "
        f"receivers, add {channel} to receiversElsewhere"
    )
