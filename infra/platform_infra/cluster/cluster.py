"""The cluster component: a connection of any kind and one explicit Kubernetes provider."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pulumi
import pulumi_kubernetes as kubernetes

from platform_infra.children import Children
from platform_infra.cluster.api_server import ApiServer
from platform_infra.cluster.ownership import identify
from platform_infra.outputs import value_of

if TYPE_CHECKING:
    from platform_infra.cluster.connection import Connect, Connection, Node


class Cluster(pulumi.ComponentResource):
    """A cluster and the only provider of the objects in it.

    `connect` comes from `kinds.prepare`. The provider is that of the connection if it has one. Another one is created, which
    never reads the kubeconfig of the environment. `instance` is the name of the component's instance, as part of the owner.
    `tenancy` is the namespace of another team, if the stack lives in one. `identify` needs `hands_over`.

    Raises:
        ClusterError: a lasting cluster is not that of the stack's state; the provider has not been registered.
    """

    def __init__(  # noqa: PLR0913 - what identifies the cluster
        self,
        name: str,
        *,
        connect: Connect,
        instance: str = "",
        tenancy: str = "",
        hands_over: bool = False,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("notification-platform:index:Cluster", name, None, opts)
        self._child = Children(self, name)
        connection = connect(self._child)
        self.identity = identify(
            name,
            connection,
            pulumi.ResourceOptions(parent=self),
            instance=instance,
            tenancy=tenancy,
            hands_over=hands_over,
        )
        self.is_shared = connection.shared or self.identity.reader is not None
        """Whether others may have objects in the cluster, as far as it can be asked."""
        self.node: Node | None = connection.node
        self.kubeconfig = pulumi.Output.secret(connection.kubeconfig)
        self.context = pulumi.Output.from_input(connection.context)
        self.provider = connection.provider or self._explicit_provider(connection)
        self.register_outputs({"context": self.context})

    def _explicit_provider(self, connection: Connection) -> kubernetes.Provider:
        return kubernetes.Provider(
            self._child.name("provider"),
            kubeconfig=self.kubeconfig,
            context=self.context,
            # With it, the same cluster at another address replaces nothing.
            cluster_identifier=self.identity.cluster or _or_none(connection.identifier),
            # A replacement of the ConfigMap with the routing rules would delete it for a moment.
            enable_config_map_mutable=True,
            # A replacement of Slack's Secret would do the same.
            enable_secret_mutable=True,
            # False would win over the variable PULUMI_K8S_DELETE_UNREACHABLE, which the provider recommends.
            delete_unreachable=None if connection.may_vanish is False else connection.may_vanish,
            **upsert(),
            opts=self._child.options(),
        )

    @property
    def node_name(self) -> pulumi.Output[str | None]:
        """The container of the local node, or None for every other kind of cluster."""
        return pulumi.Output.from_input(self.node.container if self.node else None)

    async def reader(self) -> ApiServer | None:
        """Return the API server; None where a preview does not know it."""
        if self.identity.reader:
            return self.identity.reader
        kubeconfig, context = await value_of(self.kubeconfig), await value_of(self.context)
        return ApiServer(kubeconfig=kubeconfig, context=context) if kubeconfig and context else None

    def options(self) -> pulumi.ResourceOptions:
        """Return the options of a component in this cluster.

        Objects on a local node are deleted with the node, so that Pulumi does not delete each of them.
        """
        node = self.node.resource if self.node else None
        return pulumi.ResourceOptions(providers=[self.provider], deleted_with=node)


def _or_none(identifier: pulumi.Input[str]) -> pulumi.Output[Any]:
    """Return an identifier that may be empty as the provider takes it: an output of nothing is no value."""
    return pulumi.Output.from_input(identifier).apply(lambda value: value or None)


def upsert() -> dict[str, Any]:
    """Return the argument with which a creation applies to what exists; empty for an SDK before 4.29, whose provider always does.

    It never changes, since a change of the provider would be a difference of every stack. The program decides what a
    creation may apply to (`adoption`).
    """
    argument = "upsert_existing_objects"
    return {argument: True} if hasattr(kubernetes.ProviderArgs, argument) else {}
