"""The channels that the settings ask for, by name; the only place that knows them all."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from notification_operator.config.settings import SettingsError
from notification_operator.delivery.channels.console import ConsoleChannel
from notification_operator.delivery.channels.file import FileChannel
from notification_operator.delivery.channels.log import LogChannel
from notification_operator.delivery.channels.slack import SlackChannel

if TYPE_CHECKING:
    from notification_contract.settings import Channels, PluginChannel
    from notification_operator.delivery.channel import Channel


def channels(settings: Channels) -> dict[str, Channel]:
    """Return a channel for each one enabled, plugins included.

    Raises:
        SettingsError: a plugin cannot be made; lists every one that cannot.
    """
    made: dict[str, Channel] = {}
    if settings.console.enabled:
        made["console"] = ConsoleChannel()
    if settings.file.enabled:
        made["file"] = FileChannel(settings.file.directory)
    if settings.log.enabled:
        made["log"] = LogChannel()
    if settings.slack.enabled:
        assert settings.slack.webhook_url is not None, "the settings ask for one"
        url = settings.slack.webhook_url.get_secret_value()
        made["slack"] = SlackChannel(url, connections=settings.slack.connections)
    problems: list[str] = []
    for name, plugin in settings.plugins.items():
        try:
            made[name] = _load(plugin)
        except Exception as error:  # noqa: BLE001 - somebody else's code; all problems are told at once
            problems.append(f"channels.plugins.{name}: {plugin.factory} gave no channel: {error!r}")
    if problems:
        raise SettingsError(problems)
    return made


def _load(plugin: PluginChannel) -> Channel:
    module, function = plugin.factory.split(":")
    channel: Channel = getattr(import_module(module), function)(**plugin.options)
    if not callable(getattr(channel, "deliver", None)):
        raise TypeError(f"{type(channel).__name__} has no method deliver(message)")
    return channel
