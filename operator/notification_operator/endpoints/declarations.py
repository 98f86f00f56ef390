"""The channels of the operator's settings, as declarations that the factory makes channels from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from notification_contract.quantity import amount
from notification_contract.settings import Markup
from notification_operator.config.settings import SettingsError
from notification_operator.delivery.local.file_storage import DAY, Limits
from notification_operator.endpoints.factory import BUILT_IN, load

if TYPE_CHECKING:
    from collections.abc import Mapping

    from notification_contract.settings import Channels
    from notification_contract.settings import FileChannel as FileSettings
    from notification_operator.delivery.channel import Channel


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """A channel that the settings enable."""

    setting: str
    factory: str
    """The function that creates the channel, as `module:function`."""
    options: Mapping[str, Any]
    """Its keyword arguments."""


def channels(settings: Channels) -> dict[str, Channel]:
    """Return the enabled channels by name, plugins included.

    Raises:
        SettingsError: a channel cannot be created; the error lists every such channel.
    """
    created: dict[str, Channel] = {}
    problems: list[str] = []
    for name, declared in declarations(settings).items():
        try:
            created[name] = load(declared.factory, declared.options)
        except Exception as error:  # noqa: BLE001 - foreign code; all problems are reported together
            problems.append(f"{declared.setting}: {declared.factory} failed to create a channel: {error!r}")
    if problems:
        raise SettingsError(problems)
    return created


def declarations(settings: Channels) -> dict[str, Declaration]:
    """Return the enabled channels by name; a plugin replaces the built-in channel of its name."""
    file, slack = settings.file, settings.slack
    built_in: dict[str, tuple[bool, str, Mapping[str, Any]]] = {
        "console": (settings.console.enabled, "console", {}),
        "file": (file.enabled, "file", {"directory": file.directory, "limits": _file_limits(file)}),
        "log": (settings.log.enabled, "log", {}),
        "slack": (
            slack.enabled,
            "slack_webhook",
            {
                "url": slack.url,
                "connections": slack.connections,
                "trusted": slack.mrkdwn is Markup.TRUSTED,
            },
        ),
    }
    declared = {
        name: Declaration(setting=f"channels.{name}", factory=f"{BUILT_IN}.{module}:create", options=options)
        for name, (enabled, module, options) in built_in.items()
        if enabled
    }
    for name, plugin in settings.plugins.items():
        declared[name] = Declaration(
            setting=f"channels.plugins.{name}", factory=plugin.factory, options=plugin.options
        )
    return declared


def _file_limits(settings: FileSettings) -> Limits:
    return Limits(bytes=int(amount(settings.size)), seconds=settings.keep_days * DAY)
