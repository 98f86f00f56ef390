"""The bundle: every component of the platform, composed in the order of their dependencies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi

from platform_infra import names
from platform_infra.admission.component import RequestAdmission
from platform_infra.admission.policies import parameters
from platform_infra.children import Children
from platform_infra.cluster import Cluster, prepare
from platform_infra.cluster.adoption import DEFINITION, NAMESPACE, Adoption, adopts
from platform_infra.cluster.owned import PREVIEW_KUBECONFIG
from platform_infra.cluster.planned import Planned
from platform_infra.crd.definitions import crds
from platform_infra.crd.user_roles import UserRoles
from platform_infra.image.build import image_name
from platform_infra.image.operator_image import OperatorImage, OperatorImageArgs
from platform_infra.image.placeholder import PLACEHOLDER, check_image
from platform_infra.image.settings_version import check_settings_version
from platform_infra.inputs import Inputs
from platform_infra.monitoring.collection import monitoring_kinds, pod_annotations
from platform_infra.monitoring.component import Observability, ObservabilityArgs
from platform_infra.namespace import POD_SECURITY, check_namespace, operator_namespace
from platform_infra.preview.access import PreviewAccess
from platform_infra.settings.derivation import operator_settings
from platform_infra.workload.deployment import OperatorDeployment, OperatorDeploymentArgs
from platform_infra.workload.drills import Drills, DrillsArgs
from platform_infra.workload.flow_schemas import FlowSchemas, FlowSchemasArgs
from platform_infra.workload.gateway.account import GatewayAccount, GatewayAccountArgs
from platform_infra.workload.gateway.deployment import Gateway, GatewayArgs
from platform_infra.workload.mounts import config_file
from platform_infra.workload.mounts.storage import check_storage
from platform_infra.workload.pull_secret import pull_secrets
from platform_infra.workload.rbac import OperatorAccount, OperatorAccountArgs
from platform_infra.workload.receivers import Receivers, ReceiversArgs
from platform_infra.workload.routing_config import routing_rules

if TYPE_CHECKING:
    from platform_infra.cluster import Connect
    from platform_infra.settings.model import Settings


class Bundle(pulumi.ComponentResource):
    """Cluster, CRD, permissions, operator and gateway of one stack.

    `image` is the operator's image; it is empty when the operator is not deployed. A program that has its own cluster
    passes `connect`; the cluster settings are then ignored. `inputs` are the values of the settings that may be outputs of
    other resources. The names of all resources begin with the name of the bundle.

    Raises:
        ClusterError: the cluster is not available, and no resource has been registered; or it is not that of the stack,
            or the volume of the file channel would be replaced, and no object in it has been registered. If objects exist in it, the
            first creation fails.
        SettingsError: the image lacks settings of the stack; no resource has been registered.
        MissingImageError: the stack has no image yet, and this is an update; no resource has been registered.
        DiscoveryError: the cluster does not report which monitoring kinds it serves.
    """

    def __init__(
        self,
        name: str,
        *,
        settings: Settings,
        connect: Connect | None = None,
        inputs: Inputs | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        if settings.operator.enabled:
            check_image(settings)
            check_settings_version(settings)
        connect = connect or prepare(settings.cluster, restricted=settings.preview.restricted)
        super().__init__("notification-platform:index:Bundle", name, None, opts)
        self._settings = settings
        self._inputs = inputs or Inputs.of(settings)
        outside = Children(self, name)
        self.cluster = Cluster(
            outside.name("cluster"),
            connect=connect,
            instance=self._inputs.instance,
            tenancy="" if settings.namespace.managed else settings.operator.namespace,
            # A preview has never owned the CRDs.
            hands_over=not (settings.preview.number or (settings.namespace.managed and settings.crd.managed)),
            opts=outside.options(),
        )
        adoption = Adoption(
            name,
            identity=self.cluster.identity,
            reader=self.cluster.reader if self.cluster.is_shared else None,
            settings=settings,
            adopt=self._inputs.adopt or adopts(),
        )
        adoption.check(_owned_objects(settings))
        check_namespace(settings, self.cluster.identity)
        check_storage(settings, self.cluster.identity.reader)
        # From the first object on, nothing waits: see `Adoption`.
        self._kinds = (
            monitoring_kinds(settings.monitoring.mode, self.cluster) if settings.operator.enabled else ()
        )
        self._child = Children(
            self, name, pulumi.ResourceOptions.merge(self.cluster.options(), adoption.options())
        )
        self.namespace = operator_namespace(settings, self.cluster.identity, self._child)
        self._preview_access = self._previews()
        defined = crds(settings, self.cluster.identity, self._child)
        self.crd_names = (
            defined[0].names
            if defined
            else pulumi.Output.from_input(names.crd_names(gateway=settings.gateway.enabled))
        )
        """Names of the CRDs, of this stack or of another one."""
        self._rules_of_the_kind()
        account = OperatorAccount(
            self._child.name("account"), args=self._account(), opts=self._child.options()
        )
        self.service_account = account.account_name
        self.image: pulumi.Input[str] = ""
        self.operator: OperatorDeployment | None = None
        self.gateway: Gateway | None = None
        if settings.operator.enabled:
            self.image, image = self._image()
            self._flow_schemas(account)
            self._pull_secrets = pull_secrets(settings.operator, self._inputs, self.namespace, self._child)
            rules = routing_rules(settings, self.namespace, self._child)
            self.operator = self._operator(account, [*defined, account, *rules, *image])
            self._monitoring()
            self._receivers([*defined, account, self.operator])
            self._drills([self.operator])
            self.gateway = self._gateway([*defined, *image])
        self.register_outputs({"namespace": self.namespace, "image": self.image})

    def outputs(self) -> dict[str, pulumi.Input[str | None]]:
        """Return the outputs of a stack.

        A stack in a cluster of others has no output `kubeconfig`, because others give access to it: by a file, or by the output of
        the stack that owns the cluster. A preview always has one, with the credentials that it was created with.
        """
        settings = self._settings
        outputs: dict[str, pulumi.Input[str | None]] = {
            "namespace": self.namespace,
            "image": self.image,
            "context": self.cluster.context,
            "node": self.cluster.node_name,
        }
        if settings.cluster.kind.is_local or settings.preview.number:
            outputs["kubeconfig"] = self.cluster.kubeconfig
        if self.gateway:
            outputs["gatewayUrl"] = self.gateway.url
        if self._preview_access:
            outputs[PREVIEW_KUBECONFIG] = self._preview_access.kubeconfig(self.cluster)
        return outputs

    def _previews(self) -> PreviewAccess | None:
        """Create the account for previews if the stack is a base of previews."""
        if not self._settings.preview.base:
            return None
        return PreviewAccess(
            self._child.name("previews"),
            security=POD_SECURITY,
            quota=self._settings.preview.quota,
            opts=self._child.options(),
        )

    def _rules_of_the_kind(self) -> None:
        """Create what a cluster has once, with the CRD: roles of users and admission policies."""
        settings = self._settings
        if settings.crd.managed and settings.crd.user_roles:
            UserRoles(
                self._child.name("user-roles"),
                edit_includes_receivers=settings.crd.edit_includes_receivers,
                gateway=settings.gateway.enabled,
                opts=self._child.options(),
            )
        if settings.crd.managed and settings.admission.enabled:
            RequestAdmission(
                self._child.name("admission"),
                parameters=parameters(
                    settings.admission,
                    home=settings.operator.namespace,
                    # In a cluster of this machine, previews need no account (docs/previews.md).
                    previews=settings.preview.base or settings.cluster.kind.is_local,
                ),
                namespace=self.namespace,
                opts=self._child.options(),
            )

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
            reads_all=settings.receivers_read_all,
            secrets=tuple(dict.fromkeys(name for each in settings.receivers for name in each.secret_names)),
            config_maps=tuple(
                dict.fromkeys(name for each in settings.receivers for name in each.config_map_names)
            ),
            gateway=settings.gateway.enabled,
            tenant_sources=settings.gateway.tenant_sources,
            heartbeat_secret=settings.monitoring.external_heartbeat.secret,
            service_account=settings.operator.service_account,
        )

    def _flow_schemas(self, account: OperatorAccount) -> None:
        """Create the FlowSchemas; a preview or a guest must not change anything outside of its namespaces."""
        settings = self._settings
        if settings.operator.flow_schemas and not settings.preview.number and not settings.is_guest:
            args = FlowSchemasArgs(
                account=account.account_name,
                home=settings.operator.namespace,
                gateway=settings.gateway.enabled,
            )
            FlowSchemas(self._child.name("priority"), args=args, opts=self._child.options())

    def _image(self) -> tuple[pulumi.Input[str], list[pulumi.Resource]]:
        """Return the image to run, and the resource that loads it into the local node."""
        operator, node = self._settings.operator, self.cluster.node
        if operator.image:
            return self._inputs.image, []
        if node is None:
            return PLACEHOLDER, []
        args = OperatorImageArgs(
            image=image_name(operator.base_image),
            base=operator.base_image,
            container=node.container,
            node=node.identity,
        )
        image = OperatorImage(self._child.name("image"), args=args, opts=self._child.options())
        return args.image, [image]

    def _receivers(self, depends_on: list[pulumi.Resource]) -> None:
        """Create the receivers of the stack."""
        if receivers := self._settings.receivers:
            args = ReceiversArgs(
                namespace=self.namespace,
                receivers=receivers,
                secrets=self._inputs.secrets,
                depends_on=depends_on,
            )
            Receivers(self._child.name("receivers"), args=args, opts=self._child.options())

    def _drills(self, depends_on: list[pulumi.Resource]) -> None:
        """Create the drills of the stack; a preview sends none."""
        settings = self._settings
        if settings.drill.schedule and not settings.preview.number:
            args = DrillsArgs(
                namespace=self.namespace,
                image=self.image,
                settings=settings,
                pull_secrets=self._pull_secrets,
                depends_on=depends_on,
            )
            Drills(self._child.name("drills"), args=args, opts=self._child.options())

    def _operator(self, account: OperatorAccount, depends_on: list[pulumi.Resource]) -> OperatorDeployment:
        settings = self._settings
        deployment = OperatorDeploymentArgs(
            namespace=self.namespace,
            image=self.image,
            slack_url=self._inputs.slack_url,
            account=account.account_name,
            config=config_file.render(settings, stack=pulumi.get_stack()),
            operator=settings.operator,
            channels=settings.channels,
            audit=settings.audit,
            placement=settings.placement,
            network=settings.network,
            server=settings.server,
            protect=settings.protection.data,
            annotations=self._pod_annotations(),
            pull_secrets=self._pull_secrets,
            depends_on=depends_on,
        )
        return OperatorDeployment(self._child.name("operator"), args=deployment, opts=self._child.options())

    def _gateway(self, depends_on: list[pulumi.Resource]) -> Gateway | None:
        """Create the gateway of the stack; a preview has none."""
        settings = self._settings
        if not settings.gateway.enabled:
            return None
        account = GatewayAccount(
            self._child.name("gateway-account"),
            args=GatewayAccountArgs(
                namespace=self.namespace,
                home=settings.operator.namespace,
                watch=settings.watch,
                tenant_sources=settings.gateway.tenant_sources,
                token_reviews=settings.gateway.token_reviews,
                secrets=settings.gateway.secrets,
                reads_all=settings.gateway.read_all,
            ),
            opts=self._child.options(),
        )
        args = GatewayArgs(
            namespace=self.namespace,
            image=self.image,
            account=account.account_name,
            settings=settings,
            annotations=self._pod_annotations(),
            pull_secrets=self._pull_secrets,
            depends_on=[*depends_on, account],
        )
        return Gateway(self._child.name("gateway"), args=args, opts=self._child.options())

    def _pod_annotations(self) -> dict[str, str]:
        settings = self._settings
        return pod_annotations(settings.monitoring.mode, self._kinds, settings.server.metrics_port)

    def _monitoring(self) -> None:
        settings = self._settings
        observability = ObservabilityArgs(
            namespace=self.namespace,
            home=settings.operator.namespace,
            monitoring=settings.monitoring,
            labels=self._inputs.monitoring_labels,
            kinds=self._kinds,
            gateway=settings.gateway.enabled,
        )
        Observability(self._child.name("observability"), args=observability, opts=self._child.options())


def _owned_objects(settings: Settings) -> list[Planned]:
    """Return the objects in the cluster that one stack alone can have."""
    version = "apiextensions.k8s.io/v1"
    defined = names.crd_names(gateway=settings.gateway.enabled)
    crds = [Planned(version=version, kind=DEFINITION, name=name) for name in defined]
    home = settings.operator.namespace
    # In a namespace of others, the operator's account stands for the operator.
    own = (
        Planned(version="v1", kind=NAMESPACE, name=home)
        if settings.namespace.managed
        else Planned(version="v1", kind="ServiceAccount", name=names.OPERATOR, namespace=home)
    )
    return [own, *(crds if settings.crd.managed else ())]
