"""The parts of a stack's settings: what each value means, its bounds and its default. Pure.

A field's docstring becomes its description in Pulumi.yaml and in stacks/README.md.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from platform_infra.settings.base import (
    AbsolutePath,
    DnsLabel,
    OptionalQuantity,
    Port,
    Quantity,
    SecretName,
    Section,
    VariableName,
)


class FileVolume(StrEnum):
    """What the file channel writes to."""

    EMPTY_DIR = "emptyDir"
    HOST_PATH = "hostPath"
    PVC = "pvc"


class EventLevel(StrEnum):
    """Which Kubernetes Events the operator posts."""

    ACTIONABLE = "actionable"
    ALL = "all"
    NONE = "none"


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


class Crd(Section):
    """The NotificationRequest kind."""

    managed: bool = True
    """Whether this stack owns the CRD; false where another stack of the same cluster does."""
    retain: bool = False
    """Whether the CRD, and with it every notification, stays in the cluster when the stack is destroyed."""
    allow_incompatible: bool = False
    """Whether a CRD that takes less than the one before is applied all the same, as a rollback may need."""


class Operator(Section):
    """The operator's Deployment."""

    enabled: bool = True
    """Whether the operator is deployed; false brings the cluster, the CRD and the permissions only."""
    namespace: DnsLabel = "notification-system"
    """The namespace that the operator runs in; one operator a namespace."""
    image: str = ""
    """An image that the cluster can pull; empty builds one from this checkout and loads it into the local node."""
    base_image: str = ""
    """What a built image stands on; empty takes a locally built base where there is one, else python:3.13-slim."""
    image_pull_secrets: tuple[SecretName, ...] = ()
    """Secrets in the operator's namespace, by name, that the image is pulled with; this program does not make them."""
    replicas: Annotated[int, Field(ge=1, le=10)] = 1
    """How many pods; more than one needs leader election."""
    leader_election: bool = True
    """Whether a Lease decides which pod works; then an update starts the new pod before it stops the old one."""
    shards: Annotated[int, Field(ge=1, le=64)] = 1
    """Parts that the work is split into, shared evenly by the pods; with 1 one pod works and the others stand by."""
    workers: Annotated[int, Field(ge=1, le=256)] = 16
    """Notifications in a pass at the same time."""
    grace_seconds: Annotated[int, Field(ge=1, le=600)] = 30
    """How long work under way may take after the stop signal; the pod gets ten seconds more."""
    cpu_request: Quantity = "50m"
    """CPU that is reserved for a pod."""
    cpu_limit: OptionalQuantity = ""
    """CPU at which a pod is slowed down; empty for no limit, since slowing it delays deliveries and protects nobody."""
    memory_request: Quantity = "96Mi"
    """Memory that is reserved for a pod."""
    memory_limit: Quantity = "256Mi"
    """Memory at which a pod is stopped."""
    env: dict[VariableName, str] = Field(default_factory=dict)
    """More environment variables of the operator, such as `HTTPS_PROXY`; they are no place for a secret."""


class Watch(Section):
    """Which namespaces are served; with neither setting, all."""

    namespaces: tuple[DnsLabel, ...] = ()
    """Names of namespaces that exist; the operator then gets permissions in these alone."""
    namespace_selector: str = ""
    """Serve the namespaces with these labels, e.g. `team=web,env!=dev`."""


class Delivery(Section):
    """Limits of one try."""

    timeout_seconds: Annotated[int, Field(ge=1, le=3600)] = 10
    """After this a try counts as failed, and may be tried again."""
    concurrency_per_channel: Annotated[int, Field(ge=1, le=10_000)] = 64
    """Tries under way at once on one channel."""


class Breaker(Section):
    """When a receiver that keeps failing is left alone for a while; one breaker a channel and destination."""

    failure_threshold: Annotated[int, Field(ge=1, le=10_000)] = 3
    """Failures in a row after which nothing is sent to a receiver; only those count that trying again may cure."""
    open_seconds: Annotated[int, Field(ge=1, le=3600)] = 30
    """For how long nothing is sent then, before it is probed."""
    probes: Annotated[int, Field(ge=1, le=100)] = 2
    """Tries that are let through then at once; when all of them succeed, everything is sent again."""


class ConsoleChannel(Section):
    """Writes to the operator's own log."""

    enabled: bool = True
    """Whether the console channel can be used."""


class FileChannel(Section):
    """Writes one JSON file a notification."""

    enabled: bool = False
    """Whether the file channel can be used."""
    directory: AbsolutePath = "/var/lib/notifications"
    """Where the files go, inside the pod."""
    volume: FileVolume = FileVolume.EMPTY_DIR
    """What is mounted there: `emptyDir` goes with the pod; `hostPath` (of the node) and `pvc` stay."""
    host_path: AbsolutePath = "/var/lib/notifications"
    """For `hostPath`: the node's directory; user 65532 must be able to write to it."""
    size: Quantity = "1Gi"
    """For `hostPath` and `pvc`: the size that is claimed."""
    storage_class: str = ""
    """For `pvc`: the storage class; empty takes the cluster's default."""


class LogChannel(Section):
    """Writes one JSON line a notification to standard output."""

    enabled: bool = True
    """Whether the log channel can be used."""


class SlackChannel(Section):
    """Posts to a Slack channel through its incoming webhook."""

    enabled: bool = False
    """Whether the Slack channel can be used; it needs channelsSlackWebhookUrl."""
    webhook_url: str = Field(default="", repr=False)
    """The incoming webhook's URL, a secret: set it with --secret. It becomes a Secret that the pods read."""
    connections: Annotated[int, Field(ge=1, le=1000)] = 10
    """Connections to Slack at once, and so messages under way at once."""


class Plugin(Section):
    """A channel that another package brings."""

    factory: Annotated[str, StringConstraints(pattern=r"^[\w.]+:\w+$")]
    """The function that makes the channel, as `module:function`."""
    options: dict[str, Any] = Field(default_factory=dict)
    """What that function is given."""


class Channels(Section):
    """The ways a notification can take."""

    console: ConsoleChannel = ConsoleChannel()
    file: FileChannel = FileChannel()
    log: LogChannel = LogChannel()
    slack: SlackChannel = SlackChannel()
    plugins: dict[str, Plugin] = Field(default_factory=dict)
    """Channels of other packages by name: `{"sms": {"factory": "module:function", "options": {}}}`."""


class Sanitizer(Section):
    """What is masked beside secrets, in every text that leaves; secrets always are."""

    emails: bool = True
    """Whether e-mail addresses are masked."""
    ip_addresses: bool = True
    """Whether IPv4 addresses are masked."""


class Audit(Section):
    """Events for an audit store: each try, and each end."""

    url: Annotated[str, StringConstraints(pattern=r"^(https?://[^\s/]+(/\S*)?)?$")] = ""
    """The audit store's address, e.g. `https://audit.example.com`; empty for no audit events. Its port has to be in networkEgressPorts."""
    batch_size: Annotated[int, Field(ge=1, le=10_000)] = 1000
    """Events that go in one request at most, and that are sent without waiting for more."""
    flush_seconds: Annotated[int, Field(ge=1, le=3600)] = 1
    """The longest that an event waits for others to go with it."""


class Retention(Section):
    """What becomes of finished notifications once their `spec.retentionDays` are over."""

    enabled: bool = True
    """Whether they are deleted; the operator's account gets the permission to only then."""
    deletes_per_second: Annotated[int, Field(ge=1, le=1000)] = 5
    """The most that are deleted; where more come to their end, they stay a while longer."""


class Events(Section):
    """Kubernetes Events; each is a call of the API server."""

    level: EventLevel = EventLevel.ACTIONABLE
    """Kubernetes Events: `actionable` for what somebody may have to act on, `all` for each change of a phase too."""


class Log(Section):
    """The operator's own log."""

    level: LogLevel = LogLevel.INFO
    """The least level that is logged."""
    format: LogFormat = LogFormat.JSON
    """`json` for machines, `text` for people."""


class Network(Section):
    """What the operator may reach."""

    egress_ports: tuple[Port, ...] = (443, 6443)
    """TCP ports that the network policy lets the operator reach: the API server's and those of its channels."""
