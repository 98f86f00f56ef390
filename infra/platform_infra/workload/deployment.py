"""The operator in the cluster: configuration, pods, and the objects around them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
from pulumi_kubernetes.apps.v1 import (
    Deployment,
    DeploymentSpecArgs,
    DeploymentStrategyArgs,
    RollingUpdateDeploymentArgs,
)
from pulumi_kubernetes.core.v1 import (
    ConfigMap,
    ContainerArgs,
    PodSpecArgs,
    PodTemplateSpecArgs,
    Service,
    ServicePortArgs,
    ServiceSpecArgs,
)
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs
from pulumi_kubernetes.policy.v1 import PodDisruptionBudget, PodDisruptionBudgetSpecArgs

from platform_infra import names
from platform_infra.settings.sections import FileVolume
from platform_infra.workload import config_file as operator_config
from platform_infra.workload import placement
from platform_infra.workload import pod as pod_parts
from platform_infra.workload.network_policy import operator_policy
from platform_infra.workload.slack_secret import pod_annotations as slack_annotations
from platform_infra.workload.slack_secret import slack_secret
from platform_infra.workload.storage import FileStorage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from platform_infra.settings.model import Settings

ROLL_OUT_SECONDS = 120
"""How long a roll-out may make no progress before it counts as failed."""
STOP_MARGIN_SECONDS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """What runs, as whom and where, and what must be in place before a pod starts."""

    namespace: pulumi.Input[str]
    image: pulumi.Input[str]
    account: pulumi.Input[str]
    annotations: pulumi.Input[Mapping[str, str]]
    """Annotations of the pods beside those that the settings ask for."""
    wait_for: Sequence[pulumi.Resource] = ()


class OperatorDeployment(pulumi.ComponentResource):
    """The operator's Deployment with its ConfigMap, Service, disruption budget and network policy."""

    def __init__(
        self,
        name: str,
        *,
        settings: Settings,
        workload: Workload,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("notification-platform:index:OperatorDeployment", name, None, opts)
        self._settings = settings
        self._namespace = workload.namespace
        storage = FileStorage(
            "files", settings=settings, namespace=workload.namespace, opts=pulumi.ResourceOptions(parent=self)
        )
        config = self._config()
        child = pulumi.ResourceOptions(parent=self)
        secret = slack_secret(settings.channels.slack, self._metadata(names.SLACK_SECRET), child)
        self._slack = None if secret is None else secret.metadata.name
        self._around()
        Deployment(
            "operator",
            # Whoever has scaled it by hand owns that field since, and an `up` could never put it right.
            metadata=self._metadata(names.OPERATOR, {"pulumi.com/patchForce": "true"}),
            spec=DeploymentSpecArgs(
                replicas=settings.operator.replicas,
                progress_deadline_seconds=ROLL_OUT_SECONDS,
                revision_history_limit=5,
                selector=LabelSelectorArgs(match_labels=names.selector()),
                strategy=self._strategy(),
                template=self._template(workload, config, storage),
            ),
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=list(workload.wait_for),
                custom_timeouts=pulumi.CustomTimeouts(
                    create=f"{ROLL_OUT_SECONDS}s", update=f"{ROLL_OUT_SECONDS}s"
                ),
            ),
        )
        self.register_outputs({})

    def _metadata(self, name: str, annotations: Mapping[str, str] | None = None) -> ObjectMetaArgs:
        return ObjectMetaArgs(
            name=name, namespace=self._namespace, labels=names.labels("operator"), annotations=annotations
        )

    def _strategy(self) -> DeploymentStrategyArgs:
        """Let old and new overlap where a Lease decides between them, and no volume belongs to one of them."""
        file = self._settings.channels.file
        if not self._settings.operator.leader_election or (file.enabled and file.volume == FileVolume.PVC):
            return DeploymentStrategyArgs(type="Recreate")
        overlap = RollingUpdateDeploymentArgs(max_surge=1, max_unavailable=0)
        return DeploymentStrategyArgs(type="RollingUpdate", rolling_update=overlap)

    def _config(self) -> ConfigMap:
        text = operator_config.render(self._settings)
        return ConfigMap(
            "config",
            metadata=self._metadata(operator_config.object_name(text)),
            data={names.CONFIG_KEY: text},
            immutable=True,
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _template(self, workload: Workload, config: ConfigMap, storage: FileStorage) -> PodTemplateSpecArgs:
        return PodTemplateSpecArgs(
            metadata=ObjectMetaArgs(
                labels=names.labels("operator"),
                annotations=pulumi.Output.all(
                    workload.annotations, slack_annotations(self._settings.channels.slack)
                ).apply(lambda each: {**each[0], **each[1]}),
            ),
            spec=PodSpecArgs(
                service_account_name=workload.account,
                termination_grace_period_seconds=self._settings.operator.grace_seconds + STOP_MARGIN_SECONDS,
                enable_service_links=False,
                security_context=pod_parts.pod_security(),
                containers=[self._container(workload.image, storage)],
                volumes=[*pod_parts.volumes(config.metadata.name), *storage.volumes],
                **placement.pod_fields(self._settings),
            ),
        )

    def _container(self, image: pulumi.Input[str], storage: FileStorage) -> ContainerArgs:
        return ContainerArgs(
            name=names.CONTAINER,
            image=image,
            image_pull_policy="IfNotPresent",
            args=["run", "--config", f"{names.CONFIG_DIRECTORY}/{names.CONFIG_KEY}"],
            env=pod_parts.environment(self._settings.operator.env, self._slack),
            ports=pod_parts.ports(self._settings.server),
            startup_probe=pod_parts.startup_probe(),
            liveness_probe=pod_parts.liveness_probe(),
            readiness_probe=pod_parts.readiness_probe(),
            resources=pod_parts.resources(self._settings.operator),
            security_context=pod_parts.container_security(),
            volume_mounts=[*pod_parts.mounts(), *storage.mounts],
        )

    def _around(self) -> None:
        child = pulumi.ResourceOptions(parent=self)
        Service(
            "metrics",
            # Its endpoints are the Deployment's pods, which are awaited already; the engine would add ten seconds.
            metadata=self._metadata(names.OPERATOR, {"pulumi.com/skipAwait": "true"}),
            spec=ServiceSpecArgs(
                selector=names.selector(),
                ports=[ServicePortArgs(name="metrics", port=names.METRICS_PORT, target_port="metrics")],
            ),
            opts=child,
        )
        PodDisruptionBudget(
            "budget",
            metadata=self._metadata(names.OPERATOR),
            spec=PodDisruptionBudgetSpecArgs(
                max_unavailable=self._settings.placement.max_unavailable,
                selector=LabelSelectorArgs(match_labels=names.selector()),
                unhealthy_pod_eviction_policy="AlwaysAllow",
            ),
            opts=child,
        )
        operator_policy(
            "traffic", self._metadata(names.OPERATOR), self._settings.network, self._settings.server, child
        )
