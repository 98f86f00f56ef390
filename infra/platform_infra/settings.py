"""What a stack can set: read from Pulumi's configuration once, checked as a whole.

Rules: the only reader of `pulumi.Config`; every problem is reported in one go, before any resource.
A setting's key is the path to its field in camel case: `channels.file.enabled` is `channelsFileEnabled`.
"""

from __future__ import annotations

import difflib
import json
import re
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import pulumi
from pulumi.runtime import config as engine_config
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from platform_infra import names
from platform_infra.settings_rules import Problem, broken_rules

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

DnsLabel = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")]
Quantity = Annotated[str, StringConstraints(pattern=r"^[0-9]+(\.[0-9]+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$")]
AbsolutePath = Annotated[str, StringConstraints(pattern=r"^/[^:]*$")]
Port = Annotated[int, Field(ge=1, le=65535)]


class SettingsError(pulumi.RunError):
    """The stack's configuration cannot be used; the message lists every problem, one a line."""

    def __init__(self, problems: list[Problem]) -> None:
        listed = "\n".join(f"  - {problem}" for problem in problems)
        super().__init__(f"{len(problems)} problem(s) in the stack's configuration:\n{listed}")
        self.problems = problems


class Section(BaseModel):
    """A part of the settings: unknown keys are refused, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class ClusterKind(StrEnum):
    """Where the cluster comes from."""

    LOCAL = "local"
    EXISTING = "existing"
    KIND = "kind"
    K3S = "k3s"


class FileVolume(StrEnum):
    """What the file channel writes to."""

    EMPTY_DIR = "emptyDir"
    HOST_PATH = "hostPath"
    PVC = "pvc"


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


class Cluster(Section):
    """The cluster that everything is put into."""

    kind: ClusterKind = ClusterKind.LOCAL
    """Where the cluster comes from: `local` starts a node on this machine, `existing` takes one by its kubeconfig."""
    kubeconfig: str = ""
    """For `existing`: the path of a kubeconfig file, or its content (then set it with --secret)."""
    context: str = ""
    """For `existing`: the context of that kubeconfig; it is named explicitly and never the current one."""


class Crd(Section):
    """The NotificationRequest kind."""

    managed: bool = True
    """Whether this stack owns the CRD; false where another stack of the same cluster does."""


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
    replicas: Annotated[int, Field(ge=1, le=10)] = 1
    """How many pods; more than one needs leader election."""
    leader_election: bool = True
    """Whether a Lease decides which pod works; then an update starts the new pod before it stops the old one."""
    workers: Annotated[int, Field(ge=1, le=256)] = 16
    """Notifications in a pass at the same time."""
    grace_seconds: Annotated[int, Field(ge=1, le=600)] = 30
    """How long work under way may take after the stop signal; the pod gets ten seconds more."""
    cpu_request: Quantity = "50m"
    """CPU that is reserved for a pod."""
    memory_request: Quantity = "96Mi"
    """Memory that is reserved for a pod."""
    memory_limit: Quantity = "256Mi"
    """Memory at which a pod is stopped."""


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


class Plugin(Section):
    """A channel that another package brings."""

    factory: Annotated[str, StringConstraints(pattern=r"^[\w.]+:\w+$")]
    """The function that makes the channel, as `module:function`."""
    options: dict[str, Any] = {}
    """What that function is given."""


class Channels(Section):
    """The ways a notification can take."""

    console: ConsoleChannel = ConsoleChannel()
    file: FileChannel = FileChannel()
    log: LogChannel = LogChannel()
    plugins: dict[str, Plugin] = {}
    """Channels of other packages by name: `{"sms": {"factory": "module:function", "options": {}}}`."""


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


class Monitoring(Section):
    """How metrics are collected."""

    scrape_annotations: bool = True
    """Whether the pods carry `prometheus.io/*` annotations."""


class Settings(Section):
    """All settings of a stack."""

    cluster: Cluster = Cluster()
    crd: Crd = Crd()
    operator: Operator = Operator()
    watch: Watch = Watch()
    delivery: Delivery = Delivery()
    channels: Channels = Channels()
    log: Log = Log()
    network: Network = Network()
    monitoring: Monitoring = Monitoring()

    @classmethod
    def load(cls) -> Settings:
        """Read the running program's configuration.

        Raises:
            SettingsError: it cannot be used; lists every problem found.
        """
        given = {**engine_config.get_config_env(), **engine_config.CONFIG.get()}
        ours = [key.split(":", 1)[1] for key in given if key.startswith(f"{names.PROJECT}:")]
        reader = pulumi.Config(names.PROJECT)
        secret = {key for key in ours if engine_config.is_config_secret(f"{names.PROJECT}:{key}")}
        return parse({key: reader.get(key) or "" for key in ours}, secret_keys=secret)


def leaves(section: type[BaseModel] = Settings, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the path of every single setting, in the order of declaration."""
    for name, field in section.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            yield from leaves(field.annotation, (*path, name))
        else:
            yield (*path, name)


def key_of(path: tuple[str | int, ...]) -> str:
    """Return the configuration key of a setting's path."""
    words = [word for part in path if isinstance(part, str) for word in part.split("_")]
    return words[0] + "".join(word.capitalize() for word in words[1:])


def parse(
    values: Mapping[str, str],
    *,
    secret_keys: Collection[str] = (),
    hidden_keys: Collection[str] = (),
) -> Settings:
    """Check configuration values, given as Pulumi's strings by key without the project's name.

    `secret_keys` are stored encrypted; `hidden_keys` have a value that cannot be read here.

    Raises:
        SettingsError: they cannot be used; lists every problem found.
    """
    paths = {key_of(path): path for path in leaves()}
    problems = [_unknown(key, paths) for key in {**values, **dict.fromkeys(hidden_keys)} if key not in paths]
    known = {key: _decoded(value) for key, value in values.items() if key in paths}
    try:
        settings = _build(known, paths)
    except ValidationError as error:
        wrong = [(key_of(_setting(entry["loc"], paths)), entry) for entry in error.errors()]
        problems += [_invalid(key, entry, paths) for key, entry in wrong]
        spoiled = {key for key, _ in wrong}
        settings = _build({key: value for key, value in known.items() if key not in spoiled}, paths)
    else:
        spoiled = set()
    problems += broken_rules(settings, secret_keys, spoiled.union(hidden_keys))
    if problems:
        raise SettingsError(problems)
    return settings


def _decoded(value: str) -> Any:  # noqa: ANN401 - any JSON value
    """Undo Pulumi's encoding: lists and objects come as JSON, scalars as they were written."""
    if value.startswith(("[", "{")):
        try:
            return json.loads(value)
        except json.JSONDecodeError:
            return value
    return value


def _build(values: Mapping[str, Any], paths: Mapping[str, tuple[str, ...]]) -> Settings:
    tree: dict[str, Any] = {}
    for key, value in values.items():
        *sections, name = paths[key]
        branch = tree
        for section in sections:
            branch = branch.setdefault(section, {})
        branch[name] = value
    return Settings.model_validate(tree)


def _setting(location: tuple[str | int, ...], paths: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Return the setting that an error's location lies in (an item of a list has a longer location)."""
    return next(path for path in paths.values() if location[: len(path)] == path)


def _unknown(key: str, paths: Mapping[str, tuple[str, ...]]) -> Problem:
    close = difflib.get_close_matches(key, paths, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]}? " if close else ""
    return Problem(key=key, what="is not a setting", remedy=f"{hint}remove it with `pulumi config rm {key}`")


def _invalid(key: str, entry: Any, paths: Mapping[str, tuple[str, ...]]) -> Problem:  # noqa: ANN401 - pydantic's details
    default = _at(Settings(), paths[key])
    reason = re.sub(r"^Input should ", "should ", entry["msg"])
    remedy = f"the default is {json.dumps(default)}; set it with `pulumi config set {key} VALUE`"
    return Problem(key=key, what=f"is {entry['input']!r}, but {reason}", remedy=remedy)


def _at(settings: BaseModel, path: tuple[str, ...]) -> Any:  # noqa: ANN401 - any setting's value
    value: Any = settings.model_dump(mode="json")
    for name in path:
        value = value[name]
    return value
