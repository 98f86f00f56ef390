"""Settings for the channels that notifications are delivered through. Pure."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - pydantic reads annotations at run time
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, SecretStr

from notification_contract.quantity import PATTERN
from notification_contract.settings.section import Rule, Section, is_http_url

NamespacePattern = Annotated[
    str, Field(pattern=r"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?|([a-z0-9][a-z0-9-]{0,61})?\*)$")
]
"""The name of a namespace, or the start of names, followed by `*`."""


class ChannelSection(Section):
    """The settings of every channel."""

    namespaces: tuple[NamespacePattern, ...] = ()
    """Namespaces whose notifications may use the channel; empty for all. A name may end with `*`, such as `team-*`. A notification of another namespace fails on this channel immediately."""


class RatedChannel(ChannelSection):
    """A channel whose destinations have a rate limit."""

    rate_per_second: Annotated[float, Field(ge=0, le=10_000)] = 0.0
    """Messages per second and destination, on average; 0 for no limit. A higher priority is first; within a priority, namespaces share the rate equally."""
    burst: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    """Maximum number of messages in a burst to a destination after a time without messages."""


class Markup(StrEnum):
    """How Slack reads the text of notifications."""

    ESCAPED = "escaped"
    """Bold text, lists and code work; links with a text and mentions are shown as written."""
    TRUSTED = "trusted"
    """Everything works, including `<!channel>`, for everyone who can create notifications."""


class ConsoleChannel(ChannelSection):
    """Writes to the operator's log."""

    enabled: bool = True
    """Whether the console channel is enabled."""


class FileChannel(ChannelSection):
    """Writes one JSON file per notification."""

    enabled: bool = False
    """Whether the file channel is enabled."""
    directory: Path = Path("/var/lib/notifications")
    """Directory of the files, created if missing. Files outlive the pod only on a persistent volume."""
    size: Annotated[str, Field(pattern=f"^{PATTERN}$")] = "1Gi"
    """Size of the volume. When 90 % are used, the operator removes files down to 80 %: the oldest of the namespace with the most data first. 0 for no limit."""
    keep_days: Annotated[int, Field(ge=0, le=3650)] = 0
    """Days after which a file is removed; 0 keeps files until their space is needed."""


class LogChannel(ChannelSection):
    """Writes one JSON line per notification to standard output."""

    enabled: bool = True
    """Whether the log channel is enabled."""


class SlackChannel(RatedChannel):
    """Posts to a Slack channel through an incoming webhook."""

    enabled: bool = False
    """Whether the Slack channel is enabled. It needs a webhook URL."""
    webhook_url: SecretStr | None = None
    """URL of the incoming webhook, a secret. The operator also reads it from the variable SLACK_WEBHOOK_URL."""
    connections: Annotated[int, Field(ge=1, le=1000)] = 10
    """Number of concurrent messages to Slack, each over a separate connection. A message that takes longer than 1.5 s is not counted, so that there are up to twice as many connections while Slack is slow."""
    rate_per_second: Annotated[float, Field(ge=0, le=10_000)] = 1.0
    """Messages per second to Slack, on average; 0 for no limit. Slack accepts one per second and webhook, and short bursts. A higher priority is first; within a priority, namespaces share the rate equally."""
    burst: Annotated[int, Field(ge=1, le=1_000_000)] = 600
    """Maximum number of messages in a burst to Slack after a time without messages. If Slack answers 429, the burst is used up and only the rate counts."""
    mrkdwn: Markup = Markup.ESCAPED
    """How Slack reads subject and body: `escaped` shows links with a text, and mentions such as `<!channel>` as written, `trusted` lets everyone who can create notifications use them."""

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


class PluginChannel(RatedChannel):
    """A channel from another package."""

    factory: Annotated[str, Field(pattern=r"^[\w.]+:\w+$")]
    """Function that creates the channel, as `module:function`."""
    options: Mapping[str, Any] = {}
    """Keyword arguments of the function that `factory` names."""


class Channels(Section):
    """The channels."""

    console: ConsoleChannel = ConsoleChannel()
    file: FileChannel = FileChannel()
    log: LogChannel = LogChannel()
    slack: SlackChannel = SlackChannel()
    plugins: Mapping[str, PluginChannel] = {}
    """Channels from other packages by name, such as `{"sms": {"factory": "module:function", "options": {}}}`. A built-in channel of the same name is replaced."""
