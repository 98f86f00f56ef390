"""The local node as a Pulumi resource.

Pulumi stores the provider class in the state and runs it in a process of its own: it stays small and
imports inside its methods, so that the code of the checkout counts and not a copy in the state.
"""

from __future__ import annotations

from typing import Any

import pulumi
from pulumi import dynamic


class LocalNodeProvider(dynamic.ResourceProvider):
    """Creates, reads, compares and deletes a node; inputs and outputs are plain dictionaries."""

    serialize_as_secret_always = False

    def create(self, props: dict[str, Any]) -> dynamic.CreateResult:
        """Makes the node and waits for it."""
        from platform_infra.cluster.local import node, state  # noqa: PLC0415

        info = node.create(state.spec(props))
        return dynamic.CreateResult(info.name, state.outputs(props, info))

    def read(self, id_: str, props: dict[str, Any]) -> dynamic.ReadResult:
        """Looks for the node; one that is gone or stopped is reported as gone."""
        from platform_infra.cluster.local import node, state  # noqa: PLC0415

        info = node.read(props["stack"])
        if info is None:
            return dynamic.ReadResult("", {})
        return dynamic.ReadResult(id_, state.outputs(props, info))

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> dynamic.DiffResult:
        """Another image asks for another node, and so does a node that is gone or stopped."""
        from platform_infra.cluster.local import node, state  # noqa: PLC0415

        moved = state.changed(olds, news, "stack")
        changed = moved or state.changed(olds, news, "image") or node.read(olds["stack"]) is None
        return dynamic.DiffResult(changes=changed, replaces=["stack"] if moved else [])

    def update(self, _id: str, _olds: dict[str, Any], news: dict[str, Any]) -> dynamic.UpdateResult:
        """Makes the node anew under the same name.

        Not a replacement in the engine's sense: two nodes of one name cannot exist at a time, and the engine
        cannot delete first what a provider depends on, since it closes that provider too early.
        """
        from platform_infra.cluster.local import node, state  # noqa: PLC0415

        return dynamic.UpdateResult(state.outputs(news, node.create(state.spec(news))))

    def delete(self, _id: str, props: dict[str, Any]) -> None:
        """Removes the node with all that belongs to it."""
        from platform_infra.cluster.local import node  # noqa: PLC0415

        node.delete(props["stack"])


class LocalNode(dynamic.Resource, module="local", name="Node"):
    """A Kubernetes node in a container on this machine.

    `image` is the tag of a node image; without it, the one that `python3 -m tools.localcluster.image` made last.
    """

    stack: pulumi.Output[str]
    image: pulumi.Output[str]
    container: pulumi.Output[str]
    identity: pulumi.Output[str]
    api_port: pulumi.Output[int]
    context: pulumi.Output[str]
    kubeconfig: pulumi.Output[str]

    def __init__(
        self, name: str, *, stack: str, image: str | None = None, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        if image is None:
            from platform_infra.cluster.local.node import current_image  # noqa: PLC0415

            image = current_image()
        unknown = dict.fromkeys(("container", "identity", "api_port", "context", "kubeconfig"))
        hidden = pulumi.ResourceOptions(additional_secret_outputs=["kubeconfig"])
        super().__init__(
            LocalNodeProvider(),
            name,
            {"stack": stack, "image": image, **unknown},
            pulumi.ResourceOptions.merge(hidden, opts),
        )
