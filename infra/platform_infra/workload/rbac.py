"""What the operator's account may do: nothing that it does not use.

The status is granted `update` and no `patch`, so that a stray writer fails in the cluster too
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

from notification_contract.settings import EventLevel
from platform_infra import names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from platform_infra.settings.model import Settings

RBAC_GROUP = "rbac.authorization.k8s.io"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """Verbs on one resource."""

    group: str
    resource: str
    verbs: tuple[str, ...]
    names: tuple[str, ...] = ()
    """The objects that it is limited to; empty for all of the resource."""


SERVED = (
    Grant(group=names.GROUP, resource=names.PLURAL, verbs=("get", "list", "watch")),
    Grant(group=names.GROUP, resource=f"{names.PLURAL}/status", verbs=("update",)),
)
"""In every namespace that is served."""


def own_grants(routing_config_map: str) -> tuple[Grant, ...]:
    """Return the grants in the operator's own namespace."""
    return (
        Grant(group="coordination.k8s.io", resource="leases", verbs=("list", "create", "update")),
        # With a resource name, `list` and `watch` are allowed only with a field selector for that name.
        Grant(group="", resource="configmaps", verbs=("list", "watch"), names=(routing_config_map,)),
    )


OWN = own_grants(names.ROUTING_CONFIG_MAP)
"""In the operator's own namespace, with the default name of the routing ConfigMap."""

SHARE = (Grant(group="coordination.k8s.io", resource="leases", verbs=("delete",)),)
"""In its own namespace, where replicas share the work: the Lease of one that is gone is removed."""

EVENTS = (Grant(group="events.k8s.io", resource="events", verbs=("create", "patch")),)
"""In the operator's own namespace and wherever notifications are served, unless no Events are posted."""

RETAIN = (Grant(group=names.GROUP, resource=names.PLURAL, verbs=("delete",)),)
"""In every namespace that is served, where what is finished is deleted once its retention is over."""

CHOOSE = (Grant(group="", resource="namespaces", verbs=("list", "watch")),)
"""In the cluster, where namespaces are chosen by their labels."""


class OperatorAccount(pulumi.ComponentResource):
    """The operator's service account, and the roles that are bound to it."""

    def __init__(
        self,
        name: str,
        *,
        settings: Settings,
        namespace: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("notification-platform:index:OperatorAccount", name, None, opts)
        self._child = pulumi.ResourceOptions(parent=self)
        self._unique = names.cluster_scoped(settings.operator.namespace)
        metadata = ObjectMetaArgs(name=names.OPERATOR, namespace=namespace, labels=names.labels("rbac"))
        self.account_name: pulumi.Output[str] = ServiceAccount(
            "operator", metadata=metadata, opts=self._child
        ).metadata.name
        subject = SubjectArgs(kind="ServiceAccount", name=self.account_name, namespace=namespace)
        events = () if settings.events.level == EventLevel.NONE else EVENTS
        own = own_grants(settings.routing_config_map.name)
        share = SHARE if settings.operator.shards > 1 else ()
        self._grant_in("own", namespace, (*own, *share, *events), subject)
        served_grants = (*SERVED, *(RETAIN if settings.retention.enabled else ()), *events)
        for served in settings.watch.namespaces:
            # Its own namespace is made by this stack, and has to be there first.
            where = namespace if served == settings.operator.namespace else served
            self._grant_in(f"served-{served}", where, served_grants, subject)
        if not settings.watch.namespaces:
            choose = CHOOSE if settings.watch.namespace_selector else ()
            self._grant_everywhere((*served_grants, *choose), subject)
        self.register_outputs({"accountName": self.account_name})

    def _grant_in(
        self, name: str, namespace: pulumi.Input[str], grants: Sequence[Grant], subject: SubjectArgs
    ) -> None:
        metadata = ObjectMetaArgs(
            name=f"{self._unique}.{name.split('-', 1)[0]}", namespace=namespace, labels=names.labels("rbac")
        )
        role = Role(name, metadata=metadata, rules=_rules(grants), opts=self._child)
        reference = RoleRefArgs(api_group=RBAC_GROUP, kind="Role", name=role.metadata.name)
        RoleBinding(name, metadata=metadata, role_ref=reference, subjects=[subject], opts=self._child)

    def _grant_everywhere(self, grants: Sequence[Grant], subject: SubjectArgs) -> None:
        metadata = ObjectMetaArgs(name=self._unique, labels=names.labels("rbac"))
        role = ClusterRole("served", metadata=metadata, rules=_rules(grants), opts=self._child)
        reference = RoleRefArgs(api_group=RBAC_GROUP, kind="ClusterRole", name=role.metadata.name)
        ClusterRoleBinding(
            "served", metadata=metadata, role_ref=reference, subjects=[subject], opts=self._child
        )


def _rules(grants: Sequence[Grant]) -> list[PolicyRuleArgs]:
    return [
        PolicyRuleArgs(
            api_groups=[grant.group],
            resources=[grant.resource],
            verbs=list(grant.verbs),
            resource_names=list(grant.names) or None,
        )
        for grant in grants
    ]
