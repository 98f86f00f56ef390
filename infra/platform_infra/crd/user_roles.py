"""The roles of users who work with notifications and receivers (DD-RBAC-001)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import pulumi
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pulumi_kubernetes.rbac.v1 import ClusterRole

from platform_infra import names
from platform_infra.children import Children
from platform_infra.workload.rbac import RBAC_GROUP, READ, Grant, policy_rules

if TYPE_CHECKING:
    from collections.abc import Sequence

CHANGE: Final = ("create", "update", "patch", "delete")


@dataclass(frozen=True, slots=True, kw_only=True)
class UserRole:
    """A ClusterRole, and the default roles that it becomes part of."""

    name: str
    grants: Sequence[Grant]
    part_of: tuple[str, ...]


SENDER: Final = UserRole(
    name="notifications-sender",
    grants=(
        # Deletion cancels a notification, so who may send one may delete it.
        Grant(group=names.GROUP, resource=names.PLURAL, verbs=(*READ, "create", "delete")),
        Grant(group=names.GROUP, resource=f"{names.PLURAL}/status", verbs=("get",)),
    ),
    part_of=("edit", "admin"),
)
VIEWER: Final = UserRole(
    name="notifications-viewer",
    grants=(
        Grant(group=names.GROUP, resource=names.PLURAL, verbs=READ),
        Grant(group=names.GROUP, resource=f"{names.PLURAL}/status", verbs=("get",)),
        Grant(group=names.GROUP, resource=names.RECEIVER_PLURAL, verbs=READ),
        Grant(group=names.GROUP, resource=f"{names.RECEIVER_PLURAL}/status", verbs=("get",)),
    ),
    part_of=("view",),
)
# A receiver decides where the operator connects to and which Secrets it reads, so this right is granted by name.
RECEIVERS_EDITOR: Final = UserRole(
    name="receivers-editor",
    grants=(
        Grant(group=names.GROUP, resource=names.RECEIVER_PLURAL, verbs=(*READ, *CHANGE)),
        Grant(group=names.GROUP, resource=f"{names.RECEIVER_PLURAL}/status", verbs=("get",)),
    ),
    part_of=(),
)

SOURCES_READ: Final = (
    Grant(group=names.GROUP, resource=names.SOURCE_PLURAL, verbs=READ),
    Grant(group=names.GROUP, resource=f"{names.SOURCE_PLURAL}/status", verbs=("get",)),
)
# A source decides who may create notifications without an account of the cluster.
SOURCES_EDITOR: Final = UserRole(
    name="sources-editor",
    grants=(
        Grant(group=names.GROUP, resource=names.SOURCE_PLURAL, verbs=(*READ, *CHANGE)),
        Grant(group=names.GROUP, resource=f"{names.SOURCE_PLURAL}/status", verbs=("get",)),
    ),
    part_of=(),
)


def user_roles(*, edit_includes_receivers: bool, gateway: bool) -> tuple[UserRole, ...]:
    """Return the roles. None may write a status: it is the record of the operator, and a forged one ends a delivery."""
    receivers = replace(RECEIVERS_EDITOR, part_of=SENDER.part_of if edit_includes_receivers else ())
    if not gateway:
        return (SENDER, VIEWER, receivers)
    return (SENDER, replace(VIEWER, grants=(*VIEWER.grants, *SOURCES_READ)), receivers, SOURCES_EDITOR)


class UserRoles(pulumi.ComponentResource):
    """One ClusterRole per role; a cluster has them once, with the CRD."""

    def __init__(
        self,
        name: str,
        *,
        edit_includes_receivers: bool,
        gateway: bool,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("notification-platform:index:UserRoles", name, None, opts)
        child = Children(self, name)
        for role in user_roles(edit_includes_receivers=edit_includes_receivers, gateway=gateway):
            aggregated = {f"{RBAC_GROUP}/aggregate-to-{default}": "true" for default in role.part_of}
            ClusterRole(
                child.name(role.name),
                metadata=ObjectMetaArgs(name=role.name, labels=names.labels("rbac") | aggregated),
                rules=policy_rules(role.grants),
                opts=child.options(),
            )
        self.register_outputs({})
