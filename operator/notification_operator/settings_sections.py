"""The parts of the operator's settings: what each value means, its bounds and its default. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Section(BaseModel):
    """A part of the settings: unknown keys are refused, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


Port = Annotated[int, Field(ge=0, le=65535)]
Seconds = Annotated[float, Field(gt=0, le=3600)]


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
    plugins: Mapping[str, PluginChannel] = {}
    """Channels from other packages by the name that notifications use; one of a built-in name replaces it."""


class LeaderElection(Section):
    """Which one of several replicas works: the holder of a Lease."""

    enabled: bool = False
    """Needed wherever two operators can see the same objects, also for a moment in a roll-out."""
    namespace: str | None = None
    """Where the Lease lives; by default the pod's namespace or the kubeconfig context's."""
    lease_name: str = "notification-operator"
    """The Lease's name."""
    lease_seconds: Annotated[int, Field(ge=3, le=300)] = 12
    """How long a holder that fell silent is waited for."""


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
    """What is under way may take this long after SIGTERM; then it is given up, unrecorded."""
