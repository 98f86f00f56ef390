"""Settings for what the operator reports: log, probes and metrics, Events and audit events. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field, field_validator

from notification_contract import names
from notification_contract.settings.section import Port, Seconds, Section, is_http_url


class Audit(Section):
    """Audit events, one per attempt and one per final phase."""

    url: Annotated[str, Field(json_schema_extra={"pattern": r"^(https?://[^\s/]+(/\S*)?)?$"})] = ""
    """URL of the audit store, such as `https://audit.example.com`; empty disables audit events."""
    buffer_size: Annotated[int, Field(ge=1, le=1_000_000)] = 20_000
    """Maximum number of buffered audit events. When the buffer is full, new events are dropped and counted."""
    batch_size: Annotated[int, Field(ge=1, le=10_000)] = 1000
    """Maximum number of events per request. A full batch is sent at once."""
    flush_seconds: Seconds = 1.0
    """Maximum time in seconds that an event waits for its batch to fill."""

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
    """Those, and an Event per phase change."""
    NONE = "none"


class Events(Section):
    """Kubernetes Events. Each one is a call to the API server."""

    level: EventLevel = EventLevel.ACTIONABLE
    """Which Kubernetes Events are created: `actionable` for those that may need action, `all` for every phase change as well, `none` for no Events."""


class Server(Section):
    """The HTTP server for probes and metrics."""

    host: str = "0.0.0.0"  # noqa: S104 - the kubelet and Prometheus connect from other hosts
    """Address to listen on."""
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
