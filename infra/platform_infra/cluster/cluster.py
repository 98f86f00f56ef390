"""The cluster component: whatever its kind, one provider that is told kubeconfig and context."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
import pulumi_kubernetes as kubernetes

if TYPE_CHECKING:
    from platform_infra.cluster.connection import Connect, Node


class Cluster(pulumi.ComponentResource):
    """A cluster and the one provider that everything in it is made with.

    `connect` comes from `kinds.prepare`. The provider never looks at the environment's kubeconfig.
    """

    def __init__(self, name: str, *, connect: Connect, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("notification-platform:index:Cluster", name, None, opts)
        connection = connect(pulumi.ResourceOptions(parent=self))
        self.node: Node | None = connection.node
        self.kubeconfig = pulumi.Output.secret(connection.kubeconfig)
        self.context = pulumi.Output.from_input(connection.context)
        self.provider = kubernetes.Provider(
            "cluster",
            kubeconfig=self.kubeconfig,
            context=self.context,
            # Replacing the routing rules would take them away for a moment.
            enable_config_map_mutable=True,
            delete_unreachable=connection.may_vanish,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({"context": self.context})

    @property
    def node_name(self) -> pulumi.Output[str | None]:
        """The local node's container, or None for a cluster elsewhere."""
        return pulumi.Output.from_input(self.node.container if self.node else None)

    def options(self, parent: pulumi.Resource) -> pulumi.ResourceOptions:
        """Return the options of a component that lives in this cluster.

        What lives on a local node goes with it: deleting the node spares deleting each object.
        """
        lifetime = self.node.resource if self.node else None
        return pulumi.ResourceOptions(parent=parent, providers=[self.provider], deleted_with=lifetime)
