"""The local node as a Pulumi resource.

A stack's state records the path of the provider class, so module and class keep their names. Pulumi runs the provider
in a process of its own, which imports the node's modules when a method needs them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pulumi
from pulumi import dynamic

if TYPE_CHECKING:
    from platform_infra.cluster.local.spec import NodeOptions


class LocalNodeProvider(dynamic.ResourceProvider):
    """Creates, reads, compares and deletes a node; inputs and outputs are dictionaries."""

    serialize_as_secret_always = False

    def create(self, props: dict[str, Any]) -> dynamic.CreateResult:
        """Create the node and wait until it is ready."""
        from platform_infra.cluster.local import node, state  # noqa: PLC0415

        info = node.create(state.spec(props))
        return dynamic.CreateResult(info.name, state.outputs(props, info))

    def read(self, id_: str, props: dict[str, Any]) -> dynamic.ReadResult:
        """Read the node; a missing or stopped node is reported as deleted."""
        from platform_infra.cluster.local import node, state  # noqa: PLC0415

        info = node.read(props["stack"])
        if info is None:
            return dynamic.ReadResult("", {})
        return dynamic.ReadResult(id_, state.outputs(props, info))

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> dynamic.DiffResult:
        """Report a change if stack, image or options differ, or if the node is missing or stopped."""
        from platform_infra.cluster.local import node, state  # noqa: PLC0415

        moved = state.changed(olds, news, "stack")
        differs = state.changed(olds, news, "image") or state.options(olds) != state.options(news)
        changed = moved or differs or node.read(olds["stack"]) is None
        return dynamic.DiffResult(changes=changed, replaces=["stack"] if moved else [])

    def update(self, _id: str, _olds: dict[str, Any], news: dict[str, Any]) -> dynamic.UpdateResult:
        """Recreate the node under the same name.

        This is not a replacement in the engine's sense: two nodes with one name cannot exist at a time, and with
        delete-before-replace the engine closes the Kubernetes provider that depends on the node too early.
        """
        from platform_infra.cluster.local import node, state  # noqa: PLC0415

        return dynamic.UpdateResult(state.outputs(news, node.create(state.spec(news))))

    def delete(self, _id: str, props: dict[str, Any]) -> None:
        """Delete the node and everything that belongs to it."""
        from platform_infra.cluster.local import node  # noqa: PLC0415

        node.delete(props["stack"])


class LocalNode(dynamic.Resource, module="local", name="Node"):
    """A Kubernetes node in a container on this machine.

    `image` is the tag of a node image; the default is the image that `python -m tools.localcluster.image` built last.
    """

    stack: pulumi.Output[str]
    image: pulumi.Output[str]
    container: pulumi.Output[str]
    identity: pulumi.Output[str]
    api_port: pulumi.Output[int]
    context: pulumi.Output[str]
    kubeconfig: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        *,
        stack: str,
        image: str | None = None,
        options: NodeOptions,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        if image is None:
            from platform_infra.cluster.local.node import current_image  # noqa: PLC0415

            image = current_image(network_policy=options.network_policy)
        chosen = {"options": list(options.enabled)} if options.enabled else {}
        unknown = dict.fromkeys(("container", "identity", "api_port", "context", "kubeconfig"))
        hidden = pulumi.ResourceOptions(additional_secret_outputs=["kubeconfig"])
        super().__init__(
            LocalNodeProvider(),
            name,
            {"stack": stack, "image": image, **chosen, **unknown},
            pulumi.ResourceOptions.merge(hidden, opts),
        )
