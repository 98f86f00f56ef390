"""The parts of the operator's settings: what each value means, its bounds and its default. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator


class Section(BaseModel):
    """A part of the settings: unknown keys are refused, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


Port = Annotated[int, Field(ge=0, le=65535)]
Seconds = Annotated[float, Field(gt=0, le=3600)]


def is_http_url(text: str) -> bool:
    """Return whether a text is an http or https URL with a host, and with nothing that a URL cannot hold."""
    try:
        parts = urlsplit(text)
        usable = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False
    return usable and parts.scheme in {"http", "https"} and not any(c.isspace() for c in text)


class LogLevel(StrEnum):
    """The least level that is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(StrEnum):
    """JSON for machines, text for people."""

    JSON = "json"
    TEXT = "text"


class Watch(Section):
    """Which namespaces are served."""

    namespaces: tuple[str, ...] = ()
    """Names of namespaces; empty for all."""
    namespace_selector: str | None = None
    """Serve the namespaces with these labels (a label selector such as `team=web,env!=dev`)."""

    @model_validator(mode="after")
    def _one_way(self) -> Watch:
        if self.namespaces and self.namespace_selector:
            raise ValueError("give either namespaces or namespace_selector, not both")
        return self


class Queue(Section):
    """How much is worked on at once."""

    workers: Annotated[int, Field(ge=1, le=256)] = 16
    """Notifications in a pass at the same time; a slow delivery does not hold one of these."""


class Breaker(Section):
    """When a receiver that keeps failing is left alone for a while; one breaker a channel and destination."""

    failure_threshold: Annotated[int, Field(ge=1, le=10_000)] = 3
    """Failures in a row after which nothing is sent to a receiver; those that trying again cannot cure do not count."""
    open_seconds: Seconds = 30.0
    """For how long nothing is sent then, before it is probed."""
    probes: Annotated[int, Field(ge=1, le=100)] = 2
    """Tries that are let through then at once; when all of them succeed, everything is sent again."""


class Delivery(Section):
    """Limits of one try."""

    timeout_seconds: Seconds = 10.0
    """After this a try counts as failed, and may be tried again."""
    concurrency_per_channel: Annotated[int, Field(ge=1, le=10_000)] = 64
    """Tries under way at once on one channel."""
    visible_after_seconds: Annotated[float, Field(ge=0, le=60)] = 0.25
    """A delivery that stays open longer than this is shown as Sending meanwhile."""


class ConsoleChannel(Section):
    """Writes to the operator's own log."""

    enabled: bool = True
    """Whether the channel can be used."""


class FileChannel(Section):
    """Writes one JSON file a notification."""

    enabled: bool = False
    """Whether the channel can be used."""
    directory: Path = Path("/var/lib/notifications")
    """Where the files go; made when missing. Files survive the pod only on a volume."""


class LogChannel(Section):
    """Writes one JSON line a notification to standard output."""

    enabled: bool = True
    """Whether the channel can be used."""


class SlackChannel(Section):
    """Posts to a Slack channel through its incoming webhook."""

    enabled: bool = False
    """Whether the channel can be used."""
    webhook_url: SecretStr | None = None
    """The webhook's URL, which is a secret; the variable SLACK_WEBHOOK_URL gives it too."""
    connections: Annotated[int, Field(ge=1, le=1000)] = 10
    """Connections to Slack at once, and so messages under way at once; they are kept and used again."""

    @model_validator(mode="after")
    def _usable(self) -> SlackChannel:
        url = self.webhook_url.get_secret_value() if self.webhook_url else ""
        if self.enabled and not url:
            raise ValueError("enabled, but webhook_url is empty: set it, or the variable SLACK_WEBHOOK_URL")
        if self.enabled and not is_http_url(url):
            raise ValueError("webhook_url must be an http or https URL, as Slack gives it (it is not shown)")
        return self


class PluginChannel(Section):
    """A channel that somebody else wrote."""

    factory: Annotated[str, Field(pattern=r"^[\w.]+:\w+$")]
    """`module:function`; the function takes the options as keywords and returns the channel."""
    options: Mapping[str, Any] = {}
    """What the function is called with."""


class Channels(Section):
    """The ways a notification can take."""

    console: ConsoleChannel = ConsoleChannel()
    file: FileChannel = FileChannel()
    log: LogChannel = LogChannel()
    slack: SlackChannel = SlackChannel()
    plugins: Mapping[str, PluginChannel] = {}
    """Channels from other packages by the name that notifications use; one of a built-in name replaces it."""


class Sanitizer(Section):
    """What is masked beside secrets, in every text that leaves; secrets always are."""

    emails: bool = True
    """Whether e-mail addresses are masked."""
    ip_addresses: bool = True
    """Whether IPv4 addresses are masked."""


class Audit(Section):
    """Events for an audit store: each try, and each end."""

    url: str = ""
    """The audit store's address, such as http://data-storage.platform.svc:8080; empty for no audit events."""
    buffer_size: Annotated[int, Field(ge=1, le=1_000_000)] = 20_000
    """Events that may wait for the store; one that finds no room is dropped and counted."""
    batch_size: Annotated[int, Field(ge=1, le=10_000)] = 1000
    """Events that go in one request at most, and that are sent without waiting for more."""
    flush_seconds: Seconds = 1.0
    """The longest that an event waits for others to go with it."""

    @field_validator("url")
    @classmethod
    def _usable(cls, url: str) -> str:
        if url and not is_http_url(url):
            raise ValueError("must be an http or https address, or empty")
        return url


class Routing(Section):
    """Where the rules are that choose the channels of notifications that name none."""

    namespace: str | None = None
    """The ConfigMap's namespace; by default the pod's namespace or the kubeconfig context's."""
    config_map: Annotated[str, Field(min_length=1, max_length=253)] = "notification-routing-config"
    """The ConfigMap's name; there need not be one."""
    key: Annotated[str, Field(min_length=1, max_length=253)] = "routing.yaml"
    """The key that holds the document."""


class Retention(Section):
    """What becomes of finished notifications once their `spec.retentionDays` are over."""

    enabled: bool = True
    """Whether they are deleted; the operator's account then needs the permission to."""
    deletes_per_second: Annotated[float, Field(gt=0, le=1000)] = 5.0
    """The most that are deleted; where more come to their end, they stay a while longer."""
    interval_seconds: Annotated[float, Field(gt=0, le=86_400)] = 3600.0
    """The time between two walks through what is finished; the first one begins after a tenth of it."""


class EventLevel(StrEnum):
    """Which Kubernetes Events are posted."""

    ACTIONABLE = "actionable"
    """What somebody may have to act on: deliveries that fail, breakers that open, a document refused."""
    ALL = "all"
    """Beside those each change of a phase."""
    NONE = "none"


class Events(Section):
    """Kubernetes Events; each is a call of the API server."""

    level: EventLevel = EventLevel.ACTIONABLE
    """`actionable` for what somebody may have to act on, `all` for each change of a phase too, `none`."""


class LeaderElection(Section):
    """Which of several replicas works on what: the holder of a Lease on its shard."""

    enabled: bool = False
    """Needed wherever two operators can see the same objects, also for a moment in a roll-out."""
    namespace: str | None = None
    """Where the Lease lives; by default the pod's namespace or the kubeconfig context's."""
    lease_name: str = "notification-operator"
    """The Lease's name; with several shards that of the first one, and the beginning of the others'."""
    lease_seconds: Annotated[int, Field(ge=3, le=300)] = 10
    """How long a holder that fell silent is waited for."""
    shards: Annotated[int, Field(ge=1, le=64)] = 1
    """Parts that the work is split into, each done by one replica: with 1 one replica works and the others stand by."""

    @model_validator(mode="after")
    def _decided_by_leases(self) -> LeaderElection:
        if self.shards > 1 and not self.enabled:
            raise ValueError(
                "shards is more than 1, but enabled is false: no Lease would decide whose each is"
            )
        return self


class Server(Section):
    """The ports that this process listens on."""

    host: str = "0.0.0.0"  # noqa: S104 - the kubelet and Prometheus come from other hosts
    """The address to listen on."""
    health_port: Port = 8081
    """Serves /healthz and /readyz; 0 takes a free port."""
    metrics_port: Port = 9090
    """Serves /metrics; 0 takes a free port."""


class Log(Section):
    """The operator's own log."""

    level: LogLevel = LogLevel.INFO
    """The least level that is logged."""
    format: LogFormat = LogFormat.JSON
    """`json` for machines, `text` for people."""


class Shutdown(Section):
    """The orderly stop."""

    grace_seconds: Seconds = 30.0
    """How long the whole stop may take: what is under way is finished, then the audit events are sent."""
