"""All settings of a stack, and their keys. Pure.

A setting's key is its path in camel case: `channels.file.enabled` is `channelsFileEnabled`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, get_args

from pydantic import Field, SecretStr

from notification_contract import settings as contract
from notification_contract.kinds.channel_names import ReceiverType  # noqa: TC001 - pydantic reads annotations at run time
from platform_infra.settings.declaration import Sets, operator_setting
from platform_infra.settings.sections.admission import Admission
from platform_infra.settings.sections.base import Cidr, Section
from platform_infra.settings.sections.cluster import Cluster
from platform_infra.settings.sections.deployment import (
    Audit,
    Channels,
    Crd,
    Drill,
    LeaderElection,
    Namespace,
    Operator,
    RoutingConfigMap,
    Watch,
)
from platform_infra.settings.sections.gateway import Gateway
from platform_infra.settings.sections.monitoring import Monitoring
from platform_infra.settings.sections.network import Network
from platform_infra.settings.sections.placement import Placement, Protection
from platform_infra.settings.sections.preview import Preview
from platform_infra.settings.sections.receivers import StackReceiver  # noqa: TC001 - likewise

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from notification_contract.settings.operator import Path


WAVES = 3
"""Number of waves in which CI deploys stacks."""


class Settings(Section):
    """All settings of a stack."""

    cluster: Cluster = Cluster()
    crd: Crd = Crd()
    admission: Admission = Admission()
    namespace: Namespace = Namespace()
    operator: Operator = Operator()
    leader_election: LeaderElection = LeaderElection()
    placement: Placement = Placement()
    protection: Protection = Protection()
    watch: Watch = Watch()
    delivery: contract.Delivery = contract.Delivery()
    breaker: contract.Breaker = contract.Breaker()
    channels: Channels = Channels()
    sanitizer: contract.Redaction = contract.Redaction()
    audit: Audit = Audit()
    retention: contract.Retention = contract.Retention()
    routing: dict[str, Any] = Field(default_factory=dict)
    """Rules that select channels for notifications that name none; empty: the stack does not manage the ConfigMap."""
    routing_config_map: RoutingConfigMap = RoutingConfigMap()
    receivers: tuple[StackReceiver, ...] = ()
    """NotificationReceivers that the stack creates in the operator's namespace: name, `spec` as in the CRD, `secrets` with their keys and values, `existingSecrets`, and whether it is the `default` of its type."""
    receivers_elsewhere: tuple[ReceiverType, ...] = ()
    """Types of receivers whose default receivers are created outside the stack, in the operator's namespace or in the namespaces of notifications. Routing rules can then use these channels."""
    receivers_read_all: bool = False
    """Whether the operator may read every Secret and ConfigMap of its namespace. `false` permits the ones that `receivers` of the stack refer to, by name; receivers that are created there outside the stack with further Secrets need `true`."""
    receivers_enabled: bool = operator_setting("receivers.enabled")
    receivers_namespaced: bool = operator_setting("receivers.namespaced")
    receivers_types_elsewhere: tuple[ReceiverType, ...] = operator_setting("receivers.types_elsewhere")
    receivers_cluster: Annotated[str, Field(max_length=253), Sets(("receivers.cluster",))] = ""
    """Name of the cluster that messages to receivers and to the channel slack contain, and that templates can use; empty for the name of the stack."""
    receivers_denied_networks: tuple[Cidr, ...] = operator_setting("receivers.denied_networks")
    receivers_allowed_hosts: tuple[contract.HostName, ...] = operator_setting("receivers.allowed_hosts")
    receivers_max_per_namespace: int = operator_setting("receivers.max_per_namespace")
    receivers_max_total: int = operator_setting("receivers.max_total")
    drill: Drill = Drill()
    gateway: Gateway = Gateway()
    events: contract.Events = contract.Events()
    log: contract.Log = contract.Log()
    server: contract.Server = contract.Server()
    network: Network = Network()
    monitoring: Monitoring = Monitoring()
    preview: Preview = Preview()
    deploy_wave: Annotated[int, Field(ge=0, le=WAVES)] = 0
    """Wave in which CI deploys the stack: 1 first, such as a shared cluster for development, then 2, then 3. 0 for a stack that CI does not deploy."""

    @property
    def is_guest(self) -> bool:
        """Whether the stack has objects in existing namespaces alone, so that it needs no right in the whole cluster."""
        return not self.crd.managed and not self.namespace.managed and bool(self.watch.namespaces)


def key_of(path: tuple[str | int, ...]) -> str:
    """Return the configuration key of a setting's path."""
    words = [word for part in path if isinstance(part, str) for word in part.split("_")]
    return words[0] + "".join(word.capitalize() for word in words[1:])


def default_of(path: Path) -> Any:  # noqa: ANN401 - settings have values of any type
    """Return a setting's default as a stack's file has it: empty text for none, and whole numbers without a fraction."""
    value: Any = Settings().model_dump(mode="json")
    for name in path:
        value = value[name]
    match value:
        case None:
            return ""
        case float() if value.is_integer():
            return int(value)
        case _:
            return value


PATHS: dict[str, Path] = {key_of(path): path for path, _ in contract.declared_settings(Settings)}
"""The path of every setting by its key, in the order of declaration."""


def is_secret(field: FieldInfo) -> bool:
    return SecretStr in {field.annotation, *get_args(field.annotation)}


SECRET_KEYS = frozenset(
    {"clusterKubeconfig"}
    | {key_of(path) for path, field in contract.declared_settings(Settings) if is_secret(field)}
)
"""Settings that a stack's file must store encrypted."""
