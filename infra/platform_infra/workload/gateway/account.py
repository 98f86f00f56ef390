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

PRESENCE: Final = (
    # A request to list has no name that a grant could be limited to.
    Grant(group=LEASES, resource="leases", verbs=("list",)),
    Grant(group=LEASES, resource="leases", verbs=("create", "update", "delete"), names=names.GATEWAY_LEASES),
)
"""Permissions in the gateway's own namespace: each replica holds a Lease with one of these names, and replicas delete the Lease of a replica
that is gone. `create` by name permits a PUT of these names and no POST."""
REQUESTS: Final = (Grant(group=names.GROUP, resource=names.PLURAL, verbs=("get", "create")),)
"""Permissions in every namespace that the operator watches."""
AT_SOURCES: Final = (Grant(group=names.GROUP, resource=names.PLURAL, verbs=("list",)),)
"""Permissions where sources are. An alert that is repeated is a new report if its incident was resolved, which a list of the Resolves
shows."""
ALL_SECRETS: Final = (Grant(group="", resource="secrets", verbs=("get",)),)
"""Permissions in the listed namespaces with `gatewayTenantSources`, whose owners name the Secrets of their sources after the stack was
created, and in the gateway's own namespace if a setting says so. The gateway uses Secrets with the label for sources only, and creates none
(DD-ACCOUNT-001)."""
REVIEWS: Final = (
    Grant(group="authentication.k8s.io", resource="tokenreviews", verbs=("create",)),
    Grant(group="authorization.k8s.io", resource="subjectaccessreviews", verbs=("create",)),
)
"""Permissions in the cluster: whose token it is, and what that user may do. Neither of them reads an object."""


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
    """Whether it serves sources outside its own namespace; then `watch` lists the namespaces."""
    token_reviews: bool
    secrets: tuple[str, ...]
    """The Secrets of its own namespace that it may read."""
    reads_all: bool
    """Whether it may read every Secret of its own namespace."""


def home_grants(args: GatewayAccountArgs) -> tuple[Grant, ...]:
    """Return the grants in the gateway's own namespace."""
    named = (Grant(group="", resource="secrets", verbs=("get",), names=args.secrets),) if args.secrets else ()
    return (
        *PRESENCE,
        *(() if args.tenant_sources else SOURCES),
        *AT_SOURCES,
        *(ALL_SECRETS if args.reads_all else named),
    )


def served_grants(args: GatewayAccountArgs, namespace: str) -> tuple[Grant, ...]:
    """Return the grants in a namespace that the operator watches; empty `namespace` for all of them together."""
    tenants = args.tenant_sources and namespace not in {"", args.home}
    return (*REQUESTS, *((*AT_SOURCES, *ALL_SECRETS) if tenants else ()))


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
        if grants := cluster_grants(args):
            roles.everywhere("cluster", grants)
        self.register_outputs({"accountName": self.account_name})
