"""The operator's service account and its permissions: exactly those that the operator uses.

The role grants `update` on the status but not `patch`, so that the API server rejects every other way to write it
(DD-PERF-001).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
from pulumi_kubernetes.core.v1 import ServiceAccount
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pulumi_kubernetes.rbac.v1 import (
    ClusterRole,
    ClusterRoleBinding,
    PolicyRuleArgs,
    Role,
    RoleBinding,
    RoleRefArgs,
    SubjectArgs,
)

from notification_contract import settings as contract
from platform_infra import names
from platform_infra.children import Children

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from platform_infra.settings.sections.deployment import Watch
    from platform_infra.settings.sections.pod import ServiceAccount as ServiceAccountSettings

RBAC_GROUP = "rbac.authorization.k8s.io"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """Verbs on one resource."""

    group: str
    resource: str
    verbs: tuple[str, ...]
    names: tuple[str, ...] = ()
    """The objects that the grant is limited to; empty for all objects of the resource."""


SERVED = (
    Grant(group=names.GROUP, resource=names.PLURAL, verbs=("get", "list", "watch")),
    Grant(group=names.GROUP, resource=f"{names.PLURAL}/status", verbs=("update",)),
)
"""Permissions in every namespace that the operator watches."""


LEASES = "coordination.k8s.io"


def own_grants(routing_config_map: str, lease: str) -> tuple[Grant, ...]:
    """Return the grants in the operator's own namespace."""
    return (
        # A request to create or list has no name that a grant could be limited to.
        Grant(group=LEASES, resource="leases", verbs=("list", "create")),
        Grant(group=LEASES, resource="leases", verbs=("update",), names=(lease,)),
        # With a resource name, `list` and `watch` are allowed only with a field selector for that name.
        Grant(group="", resource="configmaps", verbs=("list", "watch"), names=(routing_config_map,)),
    )


OWN = own_grants(names.ROUTING_CONFIG_MAP, names.LEASE)
"""Permissions in the operator's own namespace, with the default names of the routing ConfigMap and of the Lease."""

SHARDING = (Grant(group=LEASES, resource="leases", verbs=("update", "delete")),)
"""Permissions in the operator's own namespace if there are several shards: each replica has a Lease that is named after its pod, and
replicas delete the Lease of a replica that is gone."""

EVENTS = (Grant(group="events.k8s.io", resource="events", verbs=("create",)),)
"""Permissions in the operator's own namespace and in every watched namespace, unless Events are disabled. Without `patch`, because that
would reach the Events of every other controller."""

RETENTION = (Grant(group=names.GROUP, resource=names.PLURAL, verbs=("delete",)),)
"""Permissions in every watched namespace if the operator deletes notifications after their retention."""

NAMESPACE_SELECTION = (Grant(group="", resource="namespaces", verbs=("list", "watch")),)
"""Permissions in the cluster if the settings select namespaces by label, or if a receiver can: the selector of `allowedNamespaces`."""

READ = ("get", "list", "watch")
RECEIVERS = (
    Grant(group=names.GROUP, resource=names.RECEIVER_PLURAL, verbs=READ),
    Grant(group=names.GROUP, resource=f"{names.RECEIVER_PLURAL}/status", verbs=("update",)),
)
"""Permissions in the operator's own namespace and in every watched namespace, unless receivers are disabled."""

REFERENCES = (
    Grant(group="", resource="secrets", verbs=("list", "watch")),
    Grant(group="", resource="configmaps", verbs=("list", "watch")),
)
"""Whatever receivers can refer to: in the operator's own namespace if a setting says so, and in every watched namespace if receivers
there may have references, too. Without that, the account reads what the receivers of the stack refer to, by name."""
SOURCES = (
    Grant(group=names.GROUP, resource=names.SOURCE_PLURAL, verbs=READ),
    Grant(group=names.GROUP, resource=f"{names.SOURCE_PLURAL}/status", verbs=("update",)),
)
"""Permissions of the operator and of the gateway where NotificationSources are."""
HEARTBEATS = (Grant(group=names.GROUP, resource=names.PLURAL, verbs=("create",)),)
"""Permissions where NotificationSources are, with the gateway: the operator tells that a heartbeat is missed."""
DRILL_JOBS = (Grant(group="batch", resource="jobs", verbs=("list",)),)
"""Permissions in the operator's own namespace, with an external heartbeat: whether the last drill has reached all receivers."""
CLUSTER_WIDE_READ = (
    "receiversNamespaced is true and the operator watches namespaces that no list names, so its ClusterRole can read every "
    "Secret and every ConfigMap of the cluster; list the namespaces in watchNamespaces for a Role in each of them, or set "
    "receiversNamespaced to false"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorAccountArgs:
    """The settings that decide which permissions the operator gets."""

    namespace: pulumi.Input[str]
    """The namespace of the account, as an output of the namespace's own resource."""
    home: str
    """The name of that namespace."""
    watch: Watch
    routing_config_map: str
    """The name of the ConfigMap with the routing rules."""
    lease: str
    """The name of the Lease of the first shard."""
    shards: int
    events: contract.EventLevel
    retention: bool
    """Whether the operator deletes notifications after their retention."""
    receivers: contract.Receivers
    reads_all: bool
    """Whether the operator may read every Secret and ConfigMap of its own namespace."""
    secrets: tuple[str, ...]
    """The Secrets of its own namespace that the receivers of the stack refer to."""
    config_maps: tuple[str, ...]
    """The ConfigMaps with their templates."""
    gateway: bool
    """Whether the stack has the gateway."""
    tenant_sources: bool
    """Whether it serves NotificationSources outside the operator's namespace."""
    heartbeat_secret: str
    """The Secret with the URL of the external heartbeat; empty without one."""
    service_account: ServiceAccountSettings


def home_grants(args: OperatorAccountArgs) -> tuple[Grant, ...]:
    """Return the grants in the operator's own namespace."""
    # Without a list of namespaces, the receivers of this one are among those of the cluster.
    receivers = (*(RECEIVERS if args.watch.namespaces else ()), *_own_references(args))
    return (
        *own_grants(args.routing_config_map, args.lease),
        *(SHARDING if args.shards > 1 else ()),
        *_events(args),
        *(receivers if args.receivers.enabled else ()),
        *(HEARTBEATS if args.gateway and not _serves_home(args) else ()),
        *(SOURCES if args.gateway and not args.tenant_sources else ()),
        *_external_heartbeat(args.heartbeat_secret),
    )


def _external_heartbeat(secret: str) -> tuple[Grant, ...]:
    return (
        (Grant(group="", resource="secrets", verbs=("list",), names=(secret,)), *DRILL_JOBS) if secret else ()
    )


def _serves_home(args: OperatorAccountArgs) -> bool:
    """Return whether the grants in the watched namespaces include those for heartbeats, and the operator's own namespace."""
    return args.tenant_sources and args.home in (args.watch.namespaces or (args.home,))


def _own_references(args: OperatorAccountArgs) -> tuple[Grant, ...]:
    if args.reads_all:
        return REFERENCES
    named = (("secrets", args.secrets), ("configmaps", args.config_maps))
    return tuple(
        Grant(group="", resource=resource, verbs=("list", "watch"), names=each)
        for resource, each in named
        if each
    )


def served_grants(args: OperatorAccountArgs) -> tuple[Grant, ...]:
    """Return the grants in every watched namespace."""
    receivers = (*RECEIVERS, *(REFERENCES if args.receivers.namespaced else ()))
    return (
        *SERVED,
        *(RETENTION if args.retention else ()),
        *_events(args),
        *(receivers if args.receivers.enabled else ()),
        *(HEARTBEATS if args.gateway and args.tenant_sources else ()),
    )


def _events(args: OperatorAccountArgs) -> tuple[Grant, ...]:
    return () if args.events == contract.EventLevel.NONE else EVENTS


class OperatorAccount(pulumi.ComponentResource):
    """The operator's service account and the roles bound to it."""

    def __init__(
        self, name: str, *, args: OperatorAccountArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("notification-platform:index:OperatorAccount", name, None, opts)
        child = Children(self, name)
        self._args = args
        marks = args.service_account
        metadata = ObjectMetaArgs(
            name=names.OPERATOR,
            namespace=args.namespace,
            labels={**marks.labels, **names.labels("rbac")},
            annotations=dict(marks.annotations),
        )
        self.account_name: pulumi.Output[str] = ServiceAccount(
            child.name("operator"), metadata=metadata, opts=child.options()
        ).metadata.name
        subject = SubjectArgs(kind="ServiceAccount", name=self.account_name, namespace=args.namespace)
        self._roles = Roles(child, subject, name=names.cluster_scoped(args.home), labels=names.labels("rbac"))
        self._roles.in_namespace("own", "own", args.namespace, home_grants(args))
        self._grant_served(served_grants(args))
        if args.gateway and args.tenant_sources:
            # One watch follows the sources of all namespaces.
            self._roles.everywhere("sources", SOURCES, kind="sources")
        self.register_outputs({"accountName": self.account_name})

    def _grant_served(self, grants: Sequence[Grant]) -> None:
        """Grant access to the watched namespaces: in each by name, or in the whole cluster."""
        watch, receivers = self._args.watch, self._args.receivers
        for each in watch.namespaces:
            # The role in the operator's own namespace depends on the namespace, which this stack creates.
            namespace = self._args.namespace if each == self._args.home else each
            self._roles.in_namespace(f"served-{each}", "served", namespace, grants)
        if not watch.namespaces:
            if receivers.enabled and receivers.namespaced:
                pulumi.log.warn(CLUSTER_WIDE_READ, resource=self)
            selection = NAMESPACE_SELECTION if watch.namespace_selector or receivers.enabled else ()
            self._roles.everywhere("served", (*grants, *selection))


class Roles:
    """Creates the roles of one account, each with its binding.

    `name` is that of the account in the cluster, with which the names of its roles begin; `labels` are those of its objects.
    """

    def __init__(
        self, child: Children, subject: SubjectArgs, *, name: str, labels: Mapping[str, str]
    ) -> None:
        self._child = child
        self._subject = subject
        self._name = name
        self._labels = labels

    def in_namespace(
        self, resource: str, kind: str, namespace: pulumi.Input[str], grants: Sequence[Grant]
    ) -> None:
        """Grant access to one namespace. `kind` is the last part of the name of the role."""
        metadata = ObjectMetaArgs(name=f"{self._name}.{kind}", namespace=namespace, labels=self._labels)
        name, options = self._child.name(resource), self._child.options()
        role = Role(name, metadata=metadata, rules=policy_rules(grants), opts=options)
        reference = RoleRefArgs(api_group=RBAC_GROUP, kind="Role", name=role.metadata.name)
        RoleBinding(name, metadata=metadata, role_ref=reference, subjects=[self._subject], opts=options)

    def everywhere(self, resource: str, grants: Sequence[Grant], *, kind: str = "") -> None:
        """Grant access to the whole cluster."""
        metadata = ObjectMetaArgs(name=f"{self._name}.{kind}" if kind else self._name, labels=self._labels)
        name, options = self._child.name(resource), self._child.options()
        role = ClusterRole(name, metadata=metadata, rules=policy_rules(grants), opts=options)
        reference = RoleRefArgs(api_group=RBAC_GROUP, kind="ClusterRole", name=role.metadata.name)
        ClusterRoleBinding(
            name, metadata=metadata, role_ref=reference, subjects=[self._subject], opts=options
        )


def policy_rules(grants: Sequence[Grant]) -> list[PolicyRuleArgs]:
    return [
        PolicyRuleArgs(
            api_groups=[grant.group],
            resources=[grant.resource],
            verbs=list(grant.verbs),
            resource_names=list(grant.names) or None,
        )
        for grant in grants
    ]
