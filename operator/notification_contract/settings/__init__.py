"""The settings of the operator: each one's type, bounds, default and description, declared once. Pure."""

from notification_contract.settings.channels import (
    Channels,
    ChannelSection,
    ConsoleChannel,
    FileChannel,
    LogChannel,
    Markup,
    NamespacePattern,
    PluginChannel,
    RatedChannel,
    SlackChannel,
)
from notification_contract.settings.delivery import Breaker, Delivery, Redaction, Routing
from notification_contract.settings.drill import Drill
from notification_contract.settings.heartbeats import ExternalHeartbeat, Heartbeats
from notification_contract.settings.operator import OperatorSettings, declared_settings, value_at
from notification_contract.settings.receivers import HostName, Receivers
from notification_contract.settings.rendering import Difference, differences, document, render
from notification_contract.settings.section import (
    RULES_LATER,
    Port,
    Rule,
    Seconds,
    Section,
    is_http_url,
)
from notification_contract.settings.telemetry import (
    Audit,
    EventLevel,
    Events,
    Log,
    LogFormat,
    LogLevel,
    Server,
    keeps_tokens_secret,
)
from notification_contract.settings.version import SETTINGS_VERSION, since, version_of
from notification_contract.settings.work import LeaderElection, Queue, Retention, Shutdown, Watch

__all__ = [
    "RULES_LATER",
    "SETTINGS_VERSION",
    "Audit",
    "Breaker",
    "ChannelSection",
    "Channels",
    "ConsoleChannel",
    "Delivery",
    "Difference",
    "Drill",
    "EventLevel",
    "Events",
    "ExternalHeartbeat",
    "FileChannel",
    "Heartbeats",
    "HostName",
    "LeaderElection",
    "Log",
    "LogChannel",
    "LogFormat",
    "LogLevel",
    "Markup",
    "NamespacePattern",
    "OperatorSettings",
    "PluginChannel",
    "Port",
    "Queue",
    "RatedChannel",
    "Receivers",
    "Redaction",
    "Retention",
    "Routing",
    "Rule",
    "Seconds",
    "Section",
    "Server",
    "Shutdown",
    "SlackChannel",
    "Watch",
    "declared_settings",
    "differences",
    "document",
    "is_http_url",
    "keeps_tokens_secret",
    "render",
    "since",
    "value_at",
    "version_of",
]
