"""The priority of the requests of operator and gateway in the API server (API priority and fairness).

Without a FlowSchema of its own, a service account shares the priority level `workload-low` with all others, where a burst
of another client delays the renewals of its Leases until it loses them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
from pulumi_kubernetes.flowcontrol.v1 import (
    FlowSchema,
    FlowSchemaSpecArgs,
    PolicyRulesWithSubjectsArgs,
    PriorityLevelConfigurationReferenceArgs,
    ResourcePolicyRuleArgs,
    ServiceAccountSubjectArgs,
    SubjectArgs,
)
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from platform_infra import names
from platform_infra.children import Children

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """Requests that a FlowSchema assigns to a priority level of the cluster."""

    level: str
    precedence: int
    """FlowSchemas are tried in ascending order; those of the cluster for any service account have 9000."""
    group: str
    resource: str
    verbs: tuple[str, ...]
    in_own_namespace: bool
    """Whether only objects in the operator's namespace count; otherwise those in every namespace do."""
    of_gateway: bool = False
    """Whether the requests of the gateway have the same priority."""


FLOWS: Mapping[str, Flow] = {
    "leases": Flow(
        level="leader-election",
        precedence=250,
        group="coordination.k8s.io",
        resource="leases",
        verbs=("create", "delete", "get", "list", "update"),
        in_own_namespace=True,
        of_gateway=True,
    ),
    "status": Flow(
        level="workload-high",
        precedence=950,
        group=names.GROUP,
        resource=f"{names.PLURAL}/status",
        verbs=("update",),
        in_own_namespace=False,
    ),
}
"""FlowSchemas by the part of their name. Both priority levels exist in every cluster."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowSchemasArgs:
    """The accounts that the FlowSchemas are for."""

    account: pulumi.Input[str]
    home: str
    """The account's namespace."""
    gateway: bool
    """Whether there is an account of the gateway."""


class FlowSchemas(pulumi.ComponentResource):
    """A FlowSchema per kind of request that must not wait for other clients. They hold in the whole cluster."""

    def __init__(
        self, name: str, *, args: FlowSchemasArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("notification-platform:index:FlowSchemas", name, None, opts)
        child = Children(self, name)
        operator, gateway = _subject(args.home, args.account), _subject(args.home, names.GATEWAY)
        for part, flow in FLOWS.items():
            metadata = ObjectMetaArgs(
                name=f"{names.cluster_scoped(args.home)}.{part}", labels=names.labels("priority")
            )
            FlowSchema(
                child.name(part),
                metadata=metadata,
                spec=_spec(
                    flow, [operator, *([gateway] if args.gateway and flow.of_gateway else ())], args.home
                ),
                opts=child.options(),
            )
        self.register_outputs({})


def _subject(namespace: str, account: pulumi.Input[str]) -> SubjectArgs:
    service_account = ServiceAccountSubjectArgs(namespace=namespace, name=account)
    return SubjectArgs(kind="ServiceAccount", service_account=service_account)


def _spec(flow: Flow, subjects: Sequence[SubjectArgs], home: str) -> FlowSchemaSpecArgs:
    rule = ResourcePolicyRuleArgs(
        api_groups=[flow.group],
        resources=[flow.resource],
        verbs=list(flow.verbs),
        namespaces=[home] if flow.in_own_namespace else ["*"],
    )
    return FlowSchemaSpecArgs(
        priority_level_configuration=PriorityLevelConfigurationReferenceArgs(name=flow.level),
        matching_precedence=flow.precedence,
        rules=[PolicyRulesWithSubjectsArgs(subjects=list(subjects), resource_rules=[rule])],
    )
