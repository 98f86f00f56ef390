"""The sections of a stack's settings that deploy the operator. Settings of the operator itself come from the contract. Pure.

A field's docstring is its description in Pulumi.yaml and in stacks/README.md.
"""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - pydantic reads annotations at run time
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field

from notification_contract import settings as contract
from platform_infra import names
from platform_infra.settings.declaration import Sets, operator_setting
from platform_infra.settings.sections.base import (
    AbsolutePath,
    DnsLabel,
    ObjectName,
    OptionalObjectName,
    OptionalQuantity,
    Quantity,
    SecretKey,
    Section,
    TimeZone,
    VariableName,
)
from platform_infra.settings.sections.pod import CaBundle, Pod, Registry, ServiceAccount


class FileVolume(StrEnum):
    """The kind of volume that the file channel writes to."""

    EMPTY_DIR = "emptyDir"
    HOST_PATH = "hostPath"
    PVC = "pvc"


class Crd(Section):
    """The CustomResourceDefinitions of NotificationRequest and NotificationReceiver."""

    managed: bool = True
    """Whether this stack owns the CRDs; set it to false if another stack of the same cluster does."""
    retain: bool = False
    """Whether the CRDs, and with them the notifications and receivers in other namespaces than the operator's, stay in the cluster when the stack is destroyed. The operator's namespace is deleted with everything in it."""
    allow_incompatible: bool = False
    """Whether an incompatible CRD change is applied, as a rollback may need."""
    user_roles: bool = True
    """Whether this stack creates the ClusterRoles `notifications-sender`, which becomes part of the default roles `edit` and `admin`, `notifications-viewer`, which becomes part of `view`, and `receivers-editor`."""
    edit_includes_receivers: bool = False
    """For `crdUserRoles`: whether `edit` and `admin` include changing NotificationReceivers (`receivers-editor`) as well. Who may change a receiver decides where the operator connects to."""


class Namespace(Section):
    """The operator's namespace."""

    managed: bool = True
    """Whether this stack owns the operator's namespace, which is deleted with the stack and with everything in it. `false` uses an existing namespace, which is neither created nor changed nor deleted."""


class Operator(Section):
    """The operator's Deployment."""

    enabled: bool = True
    """Whether the operator is deployed; false deploys only the cluster, the CRDs and the permissions."""
    namespace: Annotated[DnsLabel, Sets(("leader_election.namespace", "routing.namespace"))] = (
        "notification-system"
    )
    """Namespace of the operator, of its Leases and of the routing ConfigMap. A namespace holds one operator."""
    image: str = ""
    """Image to run, which the cluster must be able to pull; empty builds one from this checkout and loads it into the local node."""
    settings_version: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    """Version of the settings that `operatorImage` has, if it is older than this program: its label `ai.kubernaut.settings-version`. Settings of a newer version are then refused. 0 for an image of the same release."""
    base_image: str = ""
    """Base of an image that is built; empty uses a locally built base if there is one, else the base of the Dockerfile."""
    image_pull_secrets: tuple[ObjectName, ...] = ()
    """Names of existing Secrets in the operator's namespace that the image is pulled with."""
    registry: Registry = Registry()
    replicas: Annotated[int, Field(ge=1, le=10)] = 1
    """Number of pods. More than one requires leader election."""
    replicas_managed: bool = True
    """Whether this stack decides the number of pods. `false` creates the Deployment with operatorReplicas and then leaves the number to another controller, such as a HorizontalPodAutoscaler."""
    rollout_seconds: Annotated[int, Field(ge=30, le=3600)] = 120
    """Seconds that a rollout may make no progress before it counts as failed; `up` waits that long for each replica and once more. A node that is started on demand, and its first pull of the image, take longer than the default. An update that stops the old pod before it starts the new one also waits for operatorGraceSeconds."""
    leader_election: Annotated[bool, Sets(("leader_election.enabled",))] = True
    """Whether replicas elect a leader through a Lease. An update then starts the new pod before it stops the old one."""
    shards: int = operator_setting("leader_election.shards")
    workers: int = operator_setting("queue.workers")
    max_notifications: int = operator_setting("queue.max_notifications")
    grace_seconds: int = operator_setting("shutdown.grace_seconds")
    cpu_request: Quantity = "50m"
    """CPU request of a pod."""
    cpu_limit: OptionalQuantity = ""
    """CPU limit of a pod, also of drills; empty for none. A limit throttles the pod and delays deliveries. A namespace with a quota of `limits.cpu` requires it."""
    memory_request: Quantity = "96Mi"
    """Memory request of a pod."""
    memory_limit: Quantity = "256Mi"
    """Memory limit of a pod, at least 247Mi: the memory of the operator and of its render worker. A pod that exceeds it is killed."""
    ephemeral_storage_request: Quantity = "0"
    """Request of local storage of a pod; 0 also fits a node that does not report its local storage."""
    ephemeral_storage_limit: Quantity = "512Mi"
    """Limit of local storage of a pod for its log, in addition to its `emptyDir` volumes. A pod that exceeds it is evicted."""
    env: dict[VariableName, str] = Field(default_factory=dict)
    """Additional environment variables of the operator, such as `HTTPS_PROXY`. Do not store secrets in them."""
    service_account: ServiceAccount = ServiceAccount()
    pod: Pod = Pod()
    volumes: tuple[dict[str, Any], ...] = ()
    """Additional volumes of the pods, as in the Kubernetes API. Types: configMap, csi, downwardAPI, emptyDir, ephemeral, persistentVolumeClaim, projected and secret. With a persistentVolumeClaim, an update stops the old pod before it starts the new one."""
    volume_mounts: tuple[dict[str, Any], ...] = ()
    """Where the operator's container mounts these volumes, as in the Kubernetes API."""
    ca_bundle: CaBundle = CaBundle()
    host_users: bool = True
    """Whether the pods run in the user namespace of their node. `false` gives each pod a separate user namespace, so that a process that leaves its container has no privileges on the node: it requires Kubernetes 1.33, containerd 2.0 with runc 1.2 (or CRI-O 1.25), and Linux 6.3 on the nodes."""
    flow_schemas: bool = True
    """Whether the API server gives the operator's Leases and status updates their own priority (FlowSchemas), so that other clients cannot delay them. A preview never has them, and neither has a stack that is a guest (docs/guest-install.md)."""


class LeaderElection(Section):
    """The Leases of leader election."""

    lease_name: ObjectName = operator_setting("leader_election.lease_name")
    lease_seconds: int = operator_setting("leader_election.lease_seconds")


class Watch(contract.Watch):
    """The namespaces that the operator watches; it gets permissions in these only."""

    namespaces: tuple[DnsLabel, ...] = operator_setting("watch.namespaces")


class FileChannel(Section):
    """Writes one JSON file per notification to a volume."""

    enabled: bool = operator_setting("channels.file.enabled")
    directory: AbsolutePath = operator_setting("channels.file.directory")
    volume: FileVolume = FileVolume.EMPTY_DIR
    """Volume that is mounted there: `emptyDir` is deleted with the pod and limited to `channelsFileSize`; `hostPath`, a directory of the node, and `pvc`, a claim of that size, persist."""
    host_path: AbsolutePath = "/var/lib/notifications"
    """For `hostPath`: directory of the node. User 65532 must have write permission."""
    size: str = operator_setting("channels.file.size")
    keep_days: int = operator_setting("channels.file.keep_days")
    storage_class: str = ""
    """For `pvc`: the storage class; empty uses the cluster's default."""
    namespaces: tuple[contract.NamespacePattern, ...] = operator_setting("channels.file.namespaces")


class SlackChannel(contract.SlackChannel):
    """Posts to a Slack channel; the URL comes from the settings or from an existing Secret."""

    existing_secret: OptionalObjectName = ""
    """Name of an existing Secret in the operator's namespace with the URL of the incoming webhook, instead of channelsSlackWebhookUrl."""
    existing_secret_key: SecretKey = names.SLACK_SECRET_KEY
    """For `channelsSlackExistingSecret`: the key of the URL."""


class Channels(Section):
    """The channels."""

    console: contract.ConsoleChannel = contract.ConsoleChannel()
    file: FileChannel = FileChannel()
    log: contract.LogChannel = contract.LogChannel()
    slack: SlackChannel = SlackChannel()
    plugins: Mapping[str, contract.PluginChannel] = operator_setting("channels.plugins")


class Audit(contract.Audit):
    """Audit events, and the volume of the audit file."""

    file_claim: OptionalObjectName = ""
    """For `auditFile`: name of an existing PersistentVolumeClaim in the operator's namespace; empty uses a volume that is deleted with the pod."""


class Drill(contract.Drill):
    """Drills of receivers on a schedule: a CronJob in the operator's namespace."""

    time_zone: TimeZone = "Etc/UTC"
    """Time zone of drillSchedule, such as `Europe/Berlin`."""


class RoutingConfigMap(Section):
    """The ConfigMap with the routing rules, in the operator's namespace."""

    name: ObjectName = operator_setting("routing.config_map")
    key: str = operator_setting("routing.key")
