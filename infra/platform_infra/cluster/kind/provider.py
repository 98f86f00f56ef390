"""A cluster of `kind` as a Pulumi resource.

A stack's state records the path of the provider class, so module and class keep their names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pulumi
from pulumi import dynamic

if TYPE_CHECKING:
    from platform_infra.cluster.kind.command import KindInfo, KindSpec

INPUTS = ("cluster", "image", "config")


class KindProvider(dynamic.ResourceProvider):
    """Creates, reads, compares and deletes a cluster; inputs and outputs are dictionaries."""

    serialize_as_secret_always = False

    def create(self, props: dict[str, Any]) -> dynamic.CreateResult:
        """Create the cluster and wait until it is ready."""
        from platform_infra.cluster.kind import command  # noqa: PLC0415

        info = command.create(_spec(props))
        return dynamic.CreateResult(info.name, _outputs(props, info))

    def read(self, id_: str, props: dict[str, Any]) -> dynamic.ReadResult:
        """Read the cluster; a missing one, and another one of the same name, is reported as deleted."""
        info = _present(props)
        return dynamic.ReadResult(id_, _outputs(props, info)) if info else dynamic.ReadResult("", {})

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> dynamic.DiffResult:
        """Report a change if name, image or configuration differ, or if the cluster does not exist."""
        changed = [key for key in INPUTS if olds.get(key) != news.get(key)]
        renamed = ["cluster"] if "cluster" in changed else []
        return dynamic.DiffResult(changes=bool(changed) or _present(olds) is None, replaces=renamed)

    def update(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> dynamic.UpdateResult:
        """Create the cluster again under the same name, for the reasons of `LocalNodeProvider.update`."""
        from platform_infra.cluster.kind import command  # noqa: PLC0415

        command.delete(olds["cluster"], identity=olds["identity"])
        return dynamic.UpdateResult(_outputs(news, command.create(_spec(news))))

    def delete(self, _id: str, props: dict[str, Any]) -> None:
        """Delete the cluster with everything in it."""
        from platform_infra.cluster.kind import command  # noqa: PLC0415

        command.delete(props["cluster"], identity=props["identity"])


class KindCluster(dynamic.Resource, module="local", name="KindCluster"):
    """A cluster of `kind` in containers of this machine.

    `image` is the image of its nodes, and `config` the content of a configuration file; both may be empty.
    """

    cluster: pulumi.Output[str]
    container: pulumi.Output[str]
    identity: pulumi.Output[str]
    context: pulumi.Output[str]
    kubeconfig: pulumi.Output[str]

    def __init__(self, name: str, *, spec: KindSpec, opts: pulumi.ResourceOptions | None = None) -> None:
        inputs = {"cluster": spec.name, "image": spec.image, "config": spec.config}
        unknown = dict.fromkeys(("container", "identity", "context", "kubeconfig"))
        hidden = pulumi.ResourceOptions(additional_secret_outputs=["kubeconfig"])
        merged = pulumi.ResourceOptions.merge(hidden, opts)
        super().__init__(KindProvider(), name, {**inputs, **unknown}, merged)


def _spec(props: dict[str, Any]) -> KindSpec:
    from platform_infra.cluster.kind.command import KindSpec  # noqa: PLC0415

    return KindSpec(name=props["cluster"], image=props["image"], config=props["config"])


def _outputs(props: dict[str, Any], info: KindInfo) -> dict[str, Any]:
    return {
        **{key: props[key] for key in INPUTS},
        "container": info.container,
        "identity": info.identity,
        "context": info.context,
        "kubeconfig": info.kubeconfig,
    }


def _present(props: dict[str, Any]) -> KindInfo | None:
    """Return the cluster of a state, if it still exists."""
    from platform_infra.cluster.kind import command  # noqa: PLC0415

    info = command.read(props["cluster"])
    return info if info and info.identity == props["identity"] else None
