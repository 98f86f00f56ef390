"""Settings for the channels that notifications are delivered through. Pure."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - pydantic reads annotations at run time
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, SecretStr

from notification_contract.quantity import PATTERN
from notification_contract.settings.section import Rule, Section, is_http_url


class ConsoleChannel(Section):
    """Writes to the operator's own log."""

    enabled: bool = True
    """Whether the console channel is enabled."""


class FileChannel(Section):
    """Writes one JSON file per notification."""

    enabled: bool = False
    """Whether the file channel is enabled."""
    directory: Path = Path("/var/lib/notifications")
    """Directory of the files, created if missing. Files outlive the pod only on a persistent volume."""
    size: Annotated[str, Field(pattern=f"^{PATTERN}$")] = "1Gi"
    """Size of the volume. When 90 % are used, the operator removes files down to 80 %: the oldest of the namespace with the most data first. 0 for no limit."""
    keep_days: Annotated[int, Field(ge=0, le=3650)] = 0
    """Days after which a file is removed; 0 keeps files until their space is needed."""


class LogChannel(Section):
    """Writes one JSON line per notification to standard output."""

    enabled: bool = True
    """Whether the log channel is enabled."""


class SlackChannel(Section):
    """Posts to a Slack channel through an incoming webhook."""

    enabled: bool = False
    """Whether the Slack channel is enabled. It needs a webhook URL."""
    webhook_url: SecretStr | None = None
    """URL of the incoming webhook, a secret. The operator also reads it from the variable SLACK_WEBHOOK_URL."""
    connections: Annotated[int, Field(ge=1, le=1000)] = 10
    """Maximum number of connections to Slack, which is also the maximum number of concurrent messages."""

    rules = (
        Rule(
            settings=("webhook_url", "enabled"),
            is_broken=lambda slack: slack.enabled and not slack.url,
            problem="is empty, but {1} is true",
            hint="set the URL, or set {1} to false",
        ),
        Rule(
            settings=("webhook_url", "enabled"),
            is_broken=lambda slack: slack.enabled and slack.url and not is_http_url(slack.url),
            problem="is not an http or https URL (the value is not shown)",
            hint="copy the URL of the incoming webhook from Slack",
        ),
    )

    @property
    def url(self) -> str:
        """The webhook URL in plain text; empty if none is set."""
        return self.webhook_url.get_secret_value() if self.webhook_url else ""


class PluginChannel(Section):
    """A channel from another package."""

    factory: Annotated[str, Field(pattern=r"^[\w.]+:\w+$")]
    """Function that creates the channel, as `module:function`."""
    options: Mapping[str, Any] = {}
    """Keyword arguments of that function."""


class Channels(Section):
    """The channels."""

    console: ConsoleChannel = ConsoleChannel()
    file: FileChannel = FileChannel()
    log: LogChannel = LogChannel()
    slack: SlackChannel = SlackChannel()
    plugins: Mapping[str, PluginChannel] = {}
    """Channels from other packages by name, such as `{"sms": {"factory": "module:function", "options": {}}}`. A built-in channel of the same name is replaced."""
