"""Settings for what the operator reports: log, probes and metrics, Events and audit events. Pure."""

from __future__ import annotations

from enum import StrEnum
from ipaddress import ip_address
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from notification_contract import names
from notification_contract.settings.section import Port, Rule, Seconds, Section, is_http_url


def keeps_tokens_secret(url: str) -> bool:
    """Return whether a token in a request to a URL stays unread on its way: by TLS, or because it stays on the host."""
    parts = urlsplit(url)
    if parts.scheme == "https" or parts.hostname == "localhost":
        return True
    try:
        return ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return False


class Audit(Section):
    """Audit events, one per attempt and one per final phase."""

    url: Annotated[str, Field(json_schema_extra={"pattern": r"^(https?://[^\s/]+(/\S*)?)?$"})] = ""
    """URL of the audit store, such as `https://audit.example.com`; empty disables audit events."""
    buffer_size: Annotated[int, Field(ge=1, le=1_000_000)] = 20_000
    """Maximum number of buffered audit events. When the buffer is full, new events are dropped and counted."""
    batch_size: Annotated[int, Field(ge=1, le=10_000)] = 1000
    """Maximum number of events per request. A full batch is sent immediately."""
    flush_seconds: Seconds = 1.0
    """Maximum time in seconds that an event waits for its batch to fill."""
    token_audience: Annotated[str, Field(pattern=r"^\S*$", max_length=1024)] = ""
    """Audience of the service account token that authenticates requests to the audit store, such as `https://audit.example.com`; empty sends no token. The token is projected for this audience alone, and the API server does not accept it."""
    file: Annotated[str, Field(pattern=r"^(/[^/:]+(/[^/:]+)+)?$", max_length=1024)] = ""
    """Absolute path of a file that holds the audit events instead of an audit store, such as `/var/lib/notification-audit/trail.jsonl`; empty for none. Each line is chained to the line before it, so that `notification-operator audit-verify` finds changes."""
    file_max_bytes: Annotated[int, Field(ge=1024, le=1_000_000_000_000)] = 67_108_864
    """Size in bytes from which the audit file is rotated."""
    file_count: Annotated[int, Field(ge=1, le=10_000)] = 16
    """Number of rotated audit files that are kept. When there are more, the oldest is deleted."""
    original_types: bool = False
    """Whether Sent and Failed have the event types of the original service, `notification.message.acknowledged` and `notification.message.escalated`, and other final phases have none: for a store that expects these types."""

    rules = (
        Rule(
            settings=("token_audience", "url"),
            is_broken=lambda audit: audit.token_audience and not audit.url,
            problem="is set, but {1} is empty",
            hint="set {1}, or remove {0}",
        ),
        Rule(
            settings=("token_audience", "url"),
            is_broken=lambda audit: audit.token_audience and audit.url and not keeps_tokens_secret(audit.url),
            problem="is set, but {1} is an http URL of another host, which would expose the token",
            hint="use an https URL, or remove {0}",
        ),
        Rule(
            settings=("token_audience", "url"),
            is_broken=lambda audit: audit.token_audience and urlsplit(audit.url).username is not None,
            problem="is set, but {1} contains a user name, and a request has only one Authorization header",
            hint="remove the user name from {1}, or remove {0}",
        ),
        Rule(
            settings=("file", "url"),
            is_broken=lambda audit: audit.file and audit.url,
            problem="and {1} are both set",
            hint="set only one of them",
        ),
    )

    @field_validator("url")
    @classmethod
    def _check_url(cls, url: str) -> str:
        if url and not is_http_url(url):
            raise ValueError("must be an http or https URL, or empty")
        return url


class EventLevel(StrEnum):
    """Which Kubernetes Events the operator creates."""

    ACTIONABLE = "actionable"
    """Events that may need action: failed deliveries, open breakers, a rejected routing document."""
    ALL = "all"
    """The same, and an Event per phase change."""
    NONE = "none"


class Events(Section):
    """Kubernetes Events. Each one is a call to the API server."""

    level: EventLevel = EventLevel.ACTIONABLE
    """Which Kubernetes Events are created: `actionable` for Events that may need action, `all` for every phase change as well, `none` for no Events."""


class Server(Section):
    """The HTTP server for probes and metrics."""

    host: str = "::"
    """Address to listen on, such as `127.0.0.1`. `::` accepts IPv6 and IPv4 connections to all addresses, and IPv4 connections alone where IPv6 is disabled."""
    health_port: Port = names.HEALTH_PORT
    """Port of /healthz and /readyz; 0 selects a free port."""
    metrics_port: Port = names.METRICS_PORT
    """Port of /metrics; 0 selects a free port."""


class LogLevel(StrEnum):
    """Minimum log level."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(StrEnum):
    """How log records are written."""

    JSON = "json"
    TEXT = "text"


class Log(Section):
    """The operator's log."""

    level: LogLevel = LogLevel.INFO
    """Minimum log level."""
    format: LogFormat = LogFormat.JSON
    """Log format: `json` for machines, `text` for people."""
