"""The bundle: every component of the platform, composed in the order of their dependencies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
from pulumi_kubernetes.core.v1 import Namespace
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from platform_infra import names
from platform_infra.admission.component import RequestAdmission
from platform_infra.cluster import Cluster, prepare
from platform_infra.cluster.owned import PREVIEW_KUBECONFIG
from platform_infra.crd.definitions import Crds
from platform_infra.crd.user_roles import UserRoles
from platform_infra.image.build import image_name
from platform_infra.image.operator_image import OperatorImage, OperatorImageArgs
from platform_infra.monitoring.collection import monitoring_kinds, pod_annotations
from platform_infra.monitoring.component import Observability, ObservabilityArgs
from platform_infra.preview.access import PreviewAccess, bind_manager
from platform_infra.settings.cluster import ClusterKind
from platform_infra.settings.derivation import operator_settings
from platform_infra.workload import config_file
from platform_infra.workload.deployment import OperatorDeployment, OperatorDeploymentArgs
from platform_infra.workload.drills import Drills, DrillsArgs
from platform_infra.workload.flow_schemas import FlowSchemas, FlowSchemasArgs
from platform_infra.workload.rbac import OperatorAccount, OperatorAccountArgs
from platform_infra.workload.receivers import Receivers, ReceiversArgs
from platform_infra.workload.routing_config import routing_rules

if TYPE_CHECKING:
    from platform_infra.cluster import Connect
    from platform_infra.settings.model import Settings

POD_SECURITY = {
    f"pod-security.kubernetes.io/{mode}{suffix}": value
    for mode in ("enforce", "audit", "warn")
    for suffix, value in (("", "restricted"), ("-version", "latest"))
}
"""The newest restricted standard: an upgrade of the cluster that the pods do not meet fails visibly, and in tests first."""


class Bundle(pulumi.ComponentResource):
    """Cluster, CRD, permissions and operator of one stack.

    `image` is the operator's image; it is empty when the operator is not deployed. A program that has its own cluster
    passes `connect`; the cluster settings are then ignored.

    Raises:
        ClusterError: the cluster is not available; no resource has been registered.
        DiscoveryError: the cluster does not report which monitoring kinds it serves.
    """

    def __init__(
        self,
        name: str,
        *,
        settings: Settings,
        connect: Connect | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        connect = connect or prepare(settings.cluster, restricted=settings.preview.restricted)
        super().__init__("notification-platform:index:Bundle", name, None, opts)
        self._settings = settings
        self.cluster = Cluster("cluster", connect=connect, opts=pulumi.ResourceOptions(parent=self))
        inside = self.cluster.options(self)
        self.namespace = _namespace(settings, inside)
        access = (
            PreviewAccess("previews", security=POD_SECURITY, opts=inside) if settings.preview.base else None
        )
        self._preview_access = access
        crds = self._crds(inside)
        self._rules_of_the_kind(inside)
        account = OperatorAccount("account", args=self._account(), opts=inside)
        self.image = ""
        if settings.operator.enabled:
            self.image, image = self._image()
            self._flow_schemas(account, inside)
            rules = routing_rules(settings, self.namespace, inside)
            operator = self._operator(account, [*crds, account, *rules, *image], inside)
            self._receivers([*crds, account, operator], inside)
            self._drills([operator], inside)
        self.register_outputs({"namespace": self.namespace, "image": self.image})

    def outputs(self) -> dict[str, pulumi.Input[str | None]]:
        """Return the outputs of a stack.

        A stack in an existing cluster has no output `kubeconfig`, because its users have the file. A preview always has one,
        with the credentials that it was created with.
        """
        settings = self._settings
        outputs: dict[str, pulumi.Input[str | None]] = {
            "namespace": self.namespace,
            "image": self.image,
            "context": self.cluster.context,
            "node": self.cluster.node_name,
        }
        if settings.cluster.kind != ClusterKind.EXISTING or settings.preview.number:
            outputs["kubeconfig"] = self.cluster.kubeconfig
        if self._preview_access:
            outputs[PREVIEW_KUBECONFIG] = self._preview_access.kubeconfig(self.cluster)
        return outputs

    def _crds(self, opts: pulumi.ResourceOptions) -> list[pulumi.Resource]:
        """Return the CRDs; empty when another stack owns them."""
        settings = self._settings
        if not settings.crd.managed:
            return []
        return [Crds("crds", crd=settings.crd, protect=settings.protection.data, opts=opts)]

    def _rules_of_the_kind(self, opts: pulumi.ResourceOptions) -> None:
        """Create what a cluster has once, with the CRD: roles of users and admission policies."""
        settings = self._settings
        if settings.crd.managed and settings.crd.user_roles:
            UserRoles("user-roles", opts=opts)
        if settings.crd.managed and settings.admission.enabled:
            RequestAdmission("admission", admission=settings.admission, namespace=self.namespace, opts=opts)

    def _account(self) -> OperatorAccountArgs:
        settings = self._settings
        return OperatorAccountArgs(
            namespace=self.namespace,
            home=settings.operator.namespace,
            watch=settings.watch,
            routing_config_map=settings.routing_config_map.name,
            lease=settings.leader_election.lease_name,
            shards=settings.operator.shards,
            events=settings.events.level,
            retention=settings.retention.enabled,
            receivers=operator_settings(settings).receivers,
        )

    def _flow_schemas(self, account: OperatorAccount, opts: pulumi.ResourceOptions) -> None:
        """Create the FlowSchemas; a preview must not change anything outside of its namespaces."""
        settings = self._settings
        if settings.operator.flow_schemas and not settings.preview.number:
            args = FlowSchemasArgs(account=account.account_name, home=settings.operator.namespace)
            FlowSchemas("priority", args=args, opts=opts)

    def _image(self) -> tuple[str, list[pulumi.Resource]]:
        """Return the image to run, and the resource that loads it into the local node."""
        operator, node = self._settings.operator, self.cluster.node
        if operator.image or node is None:
            return operator.image, []
        args = OperatorImageArgs(
            image=image_name(operator.base_image),
            base=operator.base_image,
            container=node.container,
            node=node.identity,
        )
        return args.image, [OperatorImage("image", args=args, opts=self.cluster.options(self))]

    def _receivers(self, depends_on: list[pulumi.Resource], opts: pulumi.ResourceOptions) -> None:
        """Create the receivers of the stack."""
        if receivers := self._settings.receivers:
            args = ReceiversArgs(namespace=self.namespace, receivers=receivers, depends_on=depends_on)
            Receivers("receivers", args=args, opts=opts)

    def _drills(self, depends_on: list[pulumi.Resource], opts: pulumi.ResourceOptions) -> None:
        """Create the drills of the stack; a preview sends none."""
        settings = self._settings
        if settings.drill.schedule and not settings.preview.number:
            args = DrillsArgs(
                namespace=self.namespace, image=self.image, settings=settings, depends_on=depends_on
            )
            Drills("drills", args=args, opts=opts)

    def _operator(
        self, account: OperatorAccount, depends_on: list[pulumi.Resource], opts: pulumi.ResourceOptions
    ) -> OperatorDeployment:
        settings = self._settings
        kinds = monitoring_kinds(settings.monitoring.mode, self.cluster)
        deployment = OperatorDeploymentArgs(
            namespace=self.namespace,
            image=self.image,
            account=account.account_name,
            config=config_file.render(settings),
            operator=settings.operator,
            channels=settings.channels,
            audit=settings.audit,
            placement=settings.placement,
            network=settings.network,
            server=settings.server,
            protect=settings.protection.data,
            annotations=pod_annotations(settings.monitoring.mode, kinds, settings.server.metrics_port),
            depends_on=depends_on,
        )
        operator = OperatorDeployment("operator", args=deployment, opts=opts)
        observability = ObservabilityArgs(
            namespace=self.namespace,
            home=settings.operator.namespace,
            monitoring=settings.monitoring,
            kinds=kinds,
        )
        Observability("observability", args=observability, opts=opts)
        return operator


def _namespace(settings: Settings, opts: pulumi.ResourceOptions) -> pulumi.Output[str]:
    metadata = ObjectMetaArgs(
        name=settings.operator.namespace,
        labels=names.labels("namespace") | POD_SECURITY | settings.preview.labels(),
        annotations=settings.preview.annotations() or None,
    )
    # Deleting the namespace also deletes the file channel's volume.
    protect = pulumi.ResourceOptions(protect=settings.protection.data)
    options = pulumi.ResourceOptions.merge(opts, protect)
    name: pulumi.Output[str] = Namespace("namespace", metadata=metadata, opts=options).metadata.name
    return bind_manager(name, opts) if settings.preview.restricted else name
