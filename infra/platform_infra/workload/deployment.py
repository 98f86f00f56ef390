"""The operator's Deployment and the objects that belong to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi_kubernetes.apps.v1 import (
    Deployment,
    DeploymentSpecArgs,
    DeploymentStrategyArgs,
    RollingUpdateDeploymentArgs,
)
from pulumi_kubernetes.core.v1 import (
    ContainerArgs,
    PodSpecArgs,
    PodTemplateSpecArgs,
    Service,
    ServicePortArgs,
    ServiceSpecArgs,
    VolumeArgs,
)
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs
from pulumi_kubernetes.networking.v1 import NetworkPolicy
from pulumi_kubernetes.policy.v1 import PodDisruptionBudget, PodDisruptionBudgetSpecArgs

from platform_infra import names
from platform_infra.children import Children
from platform_infra.settings.sections.deployment import FileVolume
from platform_infra.workload import network_policy, placement, pod
from platform_infra.workload.mounts import audit_volumes, ca_bundle
from platform_infra.workload.mounts.storage import FileStorage, FileStorageArgs
from platform_infra.workload.slack_secret import pod_annotations as slack_annotations
from platform_infra.workload.slack_secret import slack_url_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from notification_contract.settings import Server
    from platform_infra.settings.sections.deployment import Audit, Channels, Operator
    from platform_infra.settings.sections.network import Network
    from platform_infra.settings.sections.placement import Placement

STOP_MARGIN_SECONDS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorDeploymentArgs:
    """What the operator runs, under which account, where, and after which resources."""

    namespace: pulumi.Input[str]
    image: pulumi.Input[str]
    slack_url: pulumi.Input[str]
    """The URL of Slack's webhook; it is ignored if the channel is disabled or has a Secret of others."""
    account: pulumi.Input[str]
    config: str
    """The text of the operator's configuration file."""
    operator: Operator
    channels: Channels
    audit: Audit
    placement: Placement
    network: Network
    server: Server
    protect: bool
    """Whether Pulumi refuses to delete the file channel's volume."""
    annotations: Mapping[str, str]
    """Annotations of the pods, in addition to those of the settings and of the channels."""
    pull_secrets: Sequence[pulumi.Input[str]] = ()
    """Names of the Secrets that the image is pulled with."""
    depends_on: Sequence[pulumi.Resource] = ()
    """Resources that must exist before a pod starts."""


class OperatorDeployment(pulumi.ComponentResource):
    """The operator's Deployment with its Service, disruption budget and network policy."""

    def __init__(
        self, name: str, *, args: OperatorDeploymentArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("notification-platform:index:OperatorDeployment", name, None, opts)
        self._args = args
        self._child = Children(self, name)
        storage = self._storage()
        metadata = self._metadata(names.SLACK_SECRET, names.WRITE_ONLY)
        self._slack_url = slack_url_key(args.channels.slack, args.slack_url, metadata, self._child)
        self.metrics_service: pulumi.Output[str] = self._service().metadata.name
        """The name of the Service with the metrics."""
        host = pulumi.Output.concat(self.metrics_service, ".", args.namespace, ".svc")
        self.metrics_url = pulumi.Output.concat("http://", host, f":{names.METRICS_PORT}{names.METRICS_PATH}")
        """The URL of the metrics within the cluster."""
        self._disruption_budget()
        self._network_policy()
        self._deployment(storage)
        self.register_outputs({})

    def _metadata(self, name: str, annotations: Mapping[str, str] | None = None) -> ObjectMetaArgs:
        return ObjectMetaArgs(
            name=name,
            namespace=self._args.namespace,
            labels=names.labels("operator"),
            annotations=annotations,
        )

    def _storage(self) -> FileStorage:
        args = FileStorageArgs(
            channel=self._args.channels.file,
            namespace=self._args.namespace,
            volume_name=names.cluster_scoped(self._args.operator.namespace),
            protect=self._args.protect,
        )
        return FileStorage(self._child.name("files"), args=args, opts=self._child.options())

    def _deployment(self, storage: FileStorage) -> None:
        operator = self._args.operator
        stop = 0 if self._overlaps() else self._stop_seconds
        options = pulumi.ResourceOptions(
            depends_on=list(self._args.depends_on),
            # The provider then leaves the field to whoever has changed it last.
            ignore_changes=None if operator.replicas_managed else ["spec.replicas"],
            custom_timeouts=pod.rollout_timeouts(operator.rollout_seconds, operator.replicas, stop=stop),
        )
        Deployment(
            self._child.name("deployment"),
            # `kubectl scale` takes over the field `replicas`; without the annotation an update fails on that conflict.
            metadata=self._metadata(names.OPERATOR, {"pulumi.com/patchForce": "true"}),
            spec=DeploymentSpecArgs(
                replicas=operator.replicas,
                progress_deadline_seconds=operator.rollout_seconds + stop,
                revision_history_limit=5,
                selector=LabelSelectorArgs(match_labels=names.selector()),
                strategy=self._strategy(),
                template=self._template(storage),
            ),
            opts=self._child.options(options),
        )

    @property
    def _stop_seconds(self) -> int:
        """How long a pod may take to stop."""
        return self._args.operator.grace_seconds + STOP_MARGIN_SECONDS

    def _overlaps(self) -> bool:
        """Return whether old and new pods can run together: a Lease decides between them, and neither needs a ReadWriteOnce volume."""
        file, operator = self._args.channels.file, self._args.operator
        claimed = (
            bool(self._args.audit.file_claim)
            or (file.enabled and file.volume == FileVolume.PVC)
            or any("persistentVolumeClaim" in volume for volume in operator.volumes)
        )
        return operator.leader_election and not claimed

    def _strategy(self) -> DeploymentStrategyArgs:
        if not self._overlaps():
            return DeploymentStrategyArgs(type="Recreate")
        overlap = RollingUpdateDeploymentArgs(max_surge=1, max_unavailable=0)
        return DeploymentStrategyArgs(type="RollingUpdate", rolling_update=overlap)

    def _template(self, storage: FileStorage) -> PodTemplateSpecArgs:
        args = self._args
        marks, slack = args.operator.pod, slack_annotations(args.channels.slack, args.slack_url)
        config = pod.config_annotations(args.config)
        metadata = ObjectMetaArgs(
            labels={**marks.labels, **names.labels("operator")},
            annotations={**args.annotations, **marks.annotations, **slack, **config},
        )
        own = [
            *pod.volumes(),
            *storage.volumes,
            *audit_volumes.volumes(args.audit),
            *ca_bundle.volumes(args.operator.ca_bundle),
        ]
        return PodTemplateSpecArgs(
            metadata=metadata,
            spec=PodSpecArgs(
                service_account_name=args.account,
                termination_grace_period_seconds=self._stop_seconds,
                enable_service_links=False,
                security_context=pod.pod_security(),
                containers=[self._container(storage, own)],
                volumes=[*own, *_documents(args.operator.volumes)],
                topology_spread_constraints=placement.spread(
                    args.placement, args.operator.replicas, names.selector()
                ),
                **placement.pod_fields(args.placement, args.operator, args.pull_secrets),
            ),
        )

    def _container(self, storage: FileStorage, volumes: Sequence[VolumeArgs]) -> ContainerArgs:
        operator = self._args.operator
        return ContainerArgs(
            name=names.CONTAINER,
            image=self._args.image,
            image_pull_policy="IfNotPresent",
            args=["run", "--config", f"{names.CONFIG_DIRECTORY}/{names.CONFIG_KEY}"],
            env=pod.environment({**operator.env, **ca_bundle.variables(operator.ca_bundle)}, self._slack_url),
            ports=pod.ports(self._args.server),
            startup_probe=pod.startup_probe(),
            liveness_probe=pod.liveness_probe(),
            readiness_probe=pod.readiness_probe(),
            resources=pod.resources(operator, volumes),
            security_context=pod.container_security(),
            volume_mounts=[
                *pod.mounts(),
                *storage.mounts,
                *audit_volumes.mounts(self._args.audit),
                *ca_bundle.mounts(operator.ca_bundle),
                *_documents(operator.volume_mounts),
            ],
        )

    def _service(self) -> Service:
        return Service(
            self._child.name("metrics"),
            # The Deployment already waits for the pods; to wait for endpoints would add ten seconds.
            metadata=self._metadata(names.OPERATOR, {"pulumi.com/skipAwait": "true"}),
            spec=ServiceSpecArgs(
                selector=names.selector(),
                ports=[ServicePortArgs(name="metrics", port=names.METRICS_PORT, target_port="metrics")],
            ),
            opts=self._child.options(),
        )

    def _network_policy(self) -> None:
        args = self._args
        NetworkPolicy(
            self._child.name("traffic"),
            metadata=self._metadata(names.OPERATOR),
            spec=network_policy.spec(args.network, args.server, args.audit.url),
            opts=self._child.options(),
        )

    def _disruption_budget(self) -> None:
        PodDisruptionBudget(
            self._child.name("budget"),
            metadata=self._metadata(names.OPERATOR),
            spec=PodDisruptionBudgetSpecArgs(
                max_unavailable=self._args.placement.max_unavailable,
                selector=LabelSelectorArgs(match_labels=names.selector()),
                unhealthy_pod_eviction_policy="AlwaysAllow",
            ),
            opts=self._child.options(),
        )


def _documents(values: Iterable[Any]) -> list[Any]:
    """Return values of the settings that have the form of the Kubernetes API, which the types of the provider's package lack."""
    return list(values)
