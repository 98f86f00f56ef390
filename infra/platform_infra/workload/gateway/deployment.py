"""The gateway's Deployment and what leads to it: Service, Ingress, network policy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pulumi
from pulumi_kubernetes.apps.v1 import (
    Deployment,
    DeploymentSpecArgs,
    DeploymentStrategyArgs,
    RollingUpdateDeploymentArgs,
)
from pulumi_kubernetes.core.v1 import (
    ContainerArgs,
    ContainerPortArgs,
    LifecycleArgs,
    LifecycleHandlerArgs,
    PodSpecArgs,
    PodTemplateSpecArgs,
    ResourceRequirementsArgs,
    SecretVolumeSourceArgs,
    Service,
    ServicePortArgs,
    ServiceSpecArgs,
    SleepActionArgs,
    VolumeArgs,
    VolumeMountArgs,
)
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs
from pulumi_kubernetes.networking.v1 import (
    HTTPIngressPathArgs,
    HTTPIngressRuleValueArgs,
    Ingress,
    IngressBackendArgs,
    IngressRuleArgs,
    IngressServiceBackendArgs,
    IngressSpecArgs,
    IngressTLSArgs,
    NetworkPolicy,
    ServiceBackendPortArgs,
)
from pulumi_kubernetes.policy.v1 import PodDisruptionBudget, PodDisruptionBudgetSpecArgs

from notification_contract.quantity import amount
from notification_contract.settings import render
from platform_infra import names
from platform_infra.children import Children
from platform_infra.settings.derivation import gateway_settings
from platform_infra.workload import network_policy, placement, pod
from platform_infra.workload.mounts import ca_bundle, path_keys, routing_rules

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from platform_infra.settings.model import Settings

CONTAINER: Final = "gateway"
HTTP: Final = "http"
"""The name of the port for messages."""
HTTPS: Final = "https"
SERVICE_PORTS: Final = {HTTP: 80, HTTPS: 443}
CERTIFICATE: Final = "certificate"
"""The name of the volume with the certificate."""
LEAVING_SECONDS: Final = 5
"""How long a pod serves after its end was decided: until then, nodes and Ingress controllers still send to it."""
STOP_MARGIN_SECONDS: Final = 10
SKIP_AWAIT: Final = {"pulumi.com/skipAwait": "true"}


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayArgs:
    """What the gateway runs, under which account, and after which resources."""

    namespace: pulumi.Input[str]
    image: pulumi.Input[str]
    account: pulumi.Input[str]
    settings: Settings
    annotations: Mapping[str, str]
    """Annotations of the pods, in addition to the configuration."""
    pull_secrets: Sequence[pulumi.Input[str]]
    """Names of the Secrets that the image is pulled with."""
    depends_on: Sequence[pulumi.Resource]
    """Resources that must exist before a pod starts."""


class Gateway(pulumi.ComponentResource):
    """The gateway's Deployment with its Service, disruption budget, network policy, and Ingress if the settings name a host."""

    def __init__(self, name: str, *, args: GatewayArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("notification-platform:index:Gateway", name, None, opts)
        self._args = args
        self._settings = args.settings
        self._child = Children(self, name)
        self._scheme = HTTPS if args.settings.gateway.cert_secret else HTTP
        service = self._service().metadata.name
        self.url: pulumi.Output[str] = pulumi.Output.concat(
            f"{self._scheme}://", service, ".", args.namespace, ".svc"
        )
        """The URL of the gateway within the cluster."""
        if args.settings.gateway.host:
            self._ingress(service)
        PodDisruptionBudget(
            self._child.name("budget"),
            metadata=self._metadata(),
            spec=PodDisruptionBudgetSpecArgs(
                max_unavailable=1,
                selector=LabelSelectorArgs(match_labels=names.gateway_selector()),
                unhealthy_pod_eviction_policy="AlwaysAllow",
            ),
            opts=self._child.options(),
        )
        NetworkPolicy(
            self._child.name("traffic"),
            metadata=self._metadata(),
            spec=network_policy.gateway_spec(
                args.settings.network, args.settings.server, args.settings.gateway
            ),
            opts=self._child.options(),
        )
        path_keys.create(self._child, args.namespace)
        self._deployment()
        self.register_outputs({"url": self.url})

    def _metadata(self, annotations: Mapping[str, str] | None = None) -> ObjectMetaArgs:
        return ObjectMetaArgs(
            name=names.GATEWAY,
            namespace=self._args.namespace,
            labels=names.gateway_labels(),
            annotations=annotations,
        )

    def _service(self) -> Service:
        return Service(
            self._child.name("service"),
            # The Deployment already waits for the pods.
            metadata=self._metadata(SKIP_AWAIT),
            spec=ServiceSpecArgs(
                type="ClusterIP",
                selector=names.gateway_selector(),
                ports=[
                    ServicePortArgs(name=self._scheme, port=SERVICE_PORTS[self._scheme], target_port=HTTP)
                ],
            ),
            opts=self._child.options(),
        )

    def _ingress(self, service: pulumi.Input[str]) -> None:
        gateway = self._settings.gateway
        backend = IngressServiceBackendArgs(name=service, port=ServiceBackendPortArgs(name=self._scheme))
        path = HTTPIngressPathArgs(path="/", path_type="Prefix", backend=IngressBackendArgs(service=backend))
        Ingress(
            self._child.name("ingress"),
            # Not every controller reports an address, for which the provider would wait.
            metadata=self._metadata({**gateway.ingress_annotations, **SKIP_AWAIT}),
            spec=IngressSpecArgs(
                ingress_class_name=gateway.class_name or None,
                rules=[IngressRuleArgs(host=gateway.host, http=HTTPIngressRuleValueArgs(paths=[path]))],
                tls=[IngressTLSArgs(hosts=[gateway.host], secret_name=gateway.tls_secret or None)],
            ),
            opts=self._child.options(),
        )

    def _deployment(self) -> None:
        settings = self._settings
        options = pulumi.ResourceOptions(
            depends_on=list(self._args.depends_on),
            custom_timeouts=pod.rollout_timeouts(
                settings.operator.rollout_seconds, settings.gateway.replicas
            ),
        )
        Deployment(
            self._child.name("deployment"),
            # As the operator's: an update then takes back what `kubectl scale` has changed.
            metadata=self._metadata({"pulumi.com/patchForce": "true"}),
            spec=DeploymentSpecArgs(
                replicas=settings.gateway.replicas,
                progress_deadline_seconds=settings.operator.rollout_seconds,
                revision_history_limit=5,
                selector=LabelSelectorArgs(match_labels=names.gateway_selector()),
                strategy=DeploymentStrategyArgs(
                    type="RollingUpdate",
                    rolling_update=RollingUpdateDeploymentArgs(max_surge=1, max_unavailable=0),
                ),
                template=self._template(),
            ),
            opts=self._child.options(options),
        )

    def _template(self) -> PodTemplateSpecArgs:
        settings, args = self._settings, self._args
        config = pod.config_annotations(render(gateway_settings(settings)))
        grace = LEAVING_SECONDS + settings.gateway.grace_seconds + STOP_MARGIN_SECONDS
        return PodTemplateSpecArgs(
            metadata=ObjectMetaArgs(
                labels=names.gateway_labels(), annotations={**args.annotations, **config}
            ),
            spec=PodSpecArgs(
                service_account_name=args.account,
                termination_grace_period_seconds=grace,
                enable_service_links=False,
                security_context=pod.pod_security(),
                containers=[self._container()],
                volumes=[
                    *pod.volumes(),
                    *path_keys.volumes(),
                    *routing_rules.volumes(settings.routing_config_map),
                    *ca_bundle.volumes(settings.operator.ca_bundle),
                    *_certificates(settings.gateway.cert_secret),
                ],
                topology_spread_constraints=placement.spread(
                    settings.placement, settings.gateway.replicas, names.gateway_selector()
                ),
                **placement.pod_fields(settings.placement, settings.operator, args.pull_secrets),
            ),
        )

    def _container(self) -> ContainerArgs:
        settings, bundle = self._settings, self._settings.operator.ca_bundle
        certificates = _certificates(settings.gateway.cert_secret)
        return ContainerArgs(
            name=CONTAINER,
            image=self._args.image,
            image_pull_policy="IfNotPresent",
            command=[names.GATEWAY],
            args=["serve", "--config", f"{names.CONFIG_DIRECTORY}/{names.CONFIG_KEY}"],
            env=pod.environment(
                {
                    **ca_bundle.variables(bundle),
                    **({names.GATEWAY_TLS_VARIABLE: names.GATEWAY_TLS_DIRECTORY} if certificates else {}),
                }
            ),
            ports=[
                ContainerPortArgs(name=HTTP, container_port=names.GATEWAY_PORT),
                *pod.ports(settings.server),
            ],
            startup_probe=pod.startup_probe(),
            liveness_probe=pod.liveness_probe(),
            readiness_probe=pod.readiness_probe(),
            lifecycle=LifecycleArgs(
                pre_stop=LifecycleHandlerArgs(sleep=SleepActionArgs(seconds=LEAVING_SECONDS))
            ),
            resources=_resources(settings),
            security_context=pod.container_security(),
            volume_mounts=[
                *pod.mounts(),
                *path_keys.mounts(),
                *routing_rules.mounts(),
                *ca_bundle.mounts(bundle),
                *(
                    VolumeMountArgs(name=each.name, mount_path=names.GATEWAY_TLS_DIRECTORY, read_only=True)
                    for each in certificates
                ),
            ],
        )


def _certificates(secret: str) -> list[VolumeArgs]:
    source = SecretVolumeSourceArgs(secret_name=secret)
    return [VolumeArgs(name=CERTIFICATE, secret=source)] if secret else []


def _resources(settings: Settings) -> ResourceRequirementsArgs:
    gateway, operator = settings.gateway, settings.operator
    storage = int(amount(operator.ephemeral_storage_limit) + amount(pod.TEMPORARY_BYTES))
    return ResourceRequirementsArgs(
        requests={
            "cpu": gateway.cpu_request,
            "memory": gateway.memory_request,
            "ephemeral-storage": operator.ephemeral_storage_request,
        },
        limits={
            **pod.processor(gateway.cpu_limit),
            "memory": gateway.memory_limit,
            "ephemeral-storage": str(storage),
        },
    )
