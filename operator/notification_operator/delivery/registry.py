"""Creates the channels that the settings enable; the only module that imports all of them."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from notification_contract.quantity import amount
from notification_contract.settings import RatedChannel
from notification_operator.config.settings import SettingsError
from notification_operator.delivery.channel import Channel
from notification_operator.delivery.channels.console import ConsoleChannel
from notification_operator.delivery.channels.file import FileChannel
from notification_operator.delivery.channels.log import LogChannel
from notification_operator.delivery.channels.slack.webhook import SlackChannel
from notification_operator.delivery.flow_control.destinations import ChannelLimits
from notification_operator.delivery.local.file_storage import DAY, Limits
from notification_operator.domain.flow_control.rate import Rate

if TYPE_CHECKING:
    from notification_contract.settings import Channels, ChannelSection, PluginChannel
    from notification_contract.settings import FileChannel as FileSettings


def channels(settings: Channels) -> dict[str, Channel]:
    """Return the enabled channels by name, plugins included.

    Raises:
        SettingsError: a plugin cannot be loaded; the error lists every such plugin.
    """
    created: dict[str, Channel] = {}
    if settings.console.enabled:
        created["console"] = ConsoleChannel()
    if settings.file.enabled:
        created["file"] = FileChannel(settings.file.directory, limits=_file_limits(settings.file))
    if settings.log.enabled:
        created["log"] = LogChannel()
    if settings.slack.enabled:
        assert settings.slack.webhook_url is not None, "the settings require a URL"
        created["slack"] = SlackChannel(
            settings.slack.url, connections=settings.slack.connections, markup=settings.slack.mrkdwn
        )
    problems: list[str] = []
    for name, plugin in settings.plugins.items():
        try:
            created[name] = _load(plugin)
        except Exception as error:  # noqa: BLE001 - foreign code; all problems are reported together
            problems.append(
                f"channels.plugins.{name}: {plugin.factory} failed to create a channel: {error!r}"
            )
    if problems:
        raise SettingsError(problems)
    return created


def channel_limits(settings: Channels) -> dict[str, ChannelLimits]:
    """Return the limits of the channels by name."""
    built_in = ("console", "file", "log", "slack")
    sections = {name: getattr(settings, name) for name in built_in} | dict(settings.plugins)
    return {name: _channel_limits(section) for name, section in sections.items()}


def _channel_limits(section: ChannelSection) -> ChannelLimits:
    rate = None
    if isinstance(section, RatedChannel) and section.rate_per_second:
        rate = Rate(per_second=section.rate_per_second, burst=section.burst)
    return ChannelLimits(rate=rate, namespaces=section.namespaces)


def _file_limits(settings: FileSettings) -> Limits:
    return Limits(bytes=int(amount(settings.size)), seconds=settings.keep_days * DAY)


def _load(plugin: PluginChannel) -> Channel:
    module, function = plugin.factory.split(":")
    channel = getattr(import_module(module), function)(**plugin.options)
    if not isinstance(channel, Channel):
        raise TypeError(
            f"{type(channel).__name__} is no channel; derive it from {Channel.__module__}.Channel"
        )
    return channel
