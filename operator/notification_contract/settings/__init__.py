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
from notification_contract.settings.operator import OperatorSettings, declared_settings, value_at
from notification_contract.settings.receivers import Receivers
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
from notification_contract.settings.work import LeaderElection, Queue, Retention, Shutdown, Watch

__all__ = [
    "RULES_LATER",
    "Audit",
    "Breaker",
    "ChannelSection",
    "Channels",
    "ConsoleChannel",
    "Delivery",
    "Drill",
    "EventLevel",
    "Events",
    "FileChannel",
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
    "is_http_url",
    "keeps_tokens_secret",
    "value_at",
]
