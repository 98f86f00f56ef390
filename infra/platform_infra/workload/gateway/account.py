"""The gateway's service account and its permissions: exactly those that the gateway uses (DD-GATEWAY-001)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pulumi
from pulumi_kubernetes.core.v1 import ServiceAccount
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pulumi_kubernetes.rbac.v1 import SubjectArgs

from platform_infra import names
from platform_infra.children import Children
from platform_infra.workload.rbac import LEASES, SOURCES, Grant, Roles

if TYPE_CHECKING:
    from platform_infra.settings.sections.deployment import Watch

PRESENCE: Final = (Grant(group=LEASES, resource="leases", verbs=("list", "create", "update", "delete")),)
"""Permissions in the gateway's own namespace: each replica has a Lease that is named after its pod, and replicas delete the Lease of a
replica that is gone."""
REQUESTS: Final = (Grant(group=names.GROUP, resource=names.PLURAL, verbs=("get", "create")),)
"""Permissions in every namespace that the operator watches."""
AT_SOURCES: Final = (
    Grant(group=names.GROUP, resource=names.PLURAL, verbs=("list",)),
    Grant(group="", resource="secrets", verbs=("get", "create")),
)
"""Permissions where sources are. An alert that is repeated is a new report if its incident was resolved, which a list of the Resolves
shows. A source names its Secrets, so no list of names exists when the stack is created; the gateway uses those with the label for sources
only. It creates the Secret with the path of a source."""
REVIEWS: Final = (
    Grant(group="authentication.k8s.io", resource="tokenreviews", verbs=("create",)),
    Grant(group="authorization.k8s.io", resource="subjectaccessreviews", verbs=("create",)),
)
"""Permissions in the cluster: whose token it is, and what that user may do. Neither of them reads an object."""
CLUSTER_WIDE_READ: Final = (
    "gatewayTenantSources is true and the operator watches namespaces that no list names, so the ClusterRole of the gateway can read "
    "every Secret of the cluster; list the namespaces in watchNamespaces for a Role in each of them, or set gatewayTenantSources to "
    "false"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayAccountArgs:
    """The settings that decide which permissions the gateway gets."""

    namespace: pulumi.Input[str]
    """The namespace of the account, as an output of the namespace's own resource."""
    home: str
    """The name of that namespace."""
    watch: Watch
    """The namespaces that the operator watches: elsewhere, no operator delivers a notification."""
    tenant_sources: bool
    token_reviews: bool


def home_grants(args: GatewayAccountArgs) -> tuple[Grant, ...]:
    """Return the grants in the gateway's own namespace."""
    everywhere = args.tenant_sources and not args.watch.namespaces
    return (
        *PRESENCE,
        *(() if args.tenant_sources else SOURCES),
        *(() if everywhere else AT_SOURCES),
    )


def served_grants(args: GatewayAccountArgs, namespace: str) -> tuple[Grant, ...]:
    """Return the grants in a namespace that the operator watches; empty `namespace` for all of them together."""
    return (*REQUESTS, *(AT_SOURCES if args.tenant_sources and namespace != args.home else ()))


def cluster_grants(args: GatewayAccountArgs) -> tuple[Grant, ...]:
    """Return the grants in the whole cluster."""
    return (
        *(() if args.watch.namespaces else served_grants(args, "")),
        # One watch follows the sources of all namespaces.
        *(SOURCES if args.tenant_sources else ()),
        *(REVIEWS if args.token_reviews else ()),
    )


class GatewayAccount(pulumi.ComponentResource):
    """The gateway's service account and the roles bound to it."""

    def __init__(
        self, name: str, *, args: GatewayAccountArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("notification-platform:index:GatewayAccount", name, None, opts)
        child, labels = Children(self, name), names.gateway_labels()
        metadata = ObjectMetaArgs(name=names.GATEWAY, namespace=args.namespace, labels=labels)
        self.account_name: pulumi.Output[str] = ServiceAccount(
            child.name("gateway"), metadata=metadata, opts=child.options()
        ).metadata.name
        subject = SubjectArgs(kind="ServiceAccount", name=self.account_name, namespace=args.namespace)
        roles = Roles(child, subject, name=names.cluster_scoped(args.home, names.GATEWAY), labels=labels)
        roles.in_namespace("own", "own", args.namespace, home_grants(args))
        for each in args.watch.namespaces:
            namespace = args.namespace if each == args.home else each
            roles.in_namespace(f"served-{each}", "served", namespace, served_grants(args, each))
        if args.tenant_sources and not args.watch.namespaces:
            pulumi.log.warn(CLUSTER_WIDE_READ, resource=self)
        if grants := cluster_grants(args):
            roles.everywhere("cluster", grants)
        self.register_outputs({"accountName": self.account_name})
