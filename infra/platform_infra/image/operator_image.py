"""The operator's image, built from this checkout and put where the cluster finds it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pulumi
from pulumi import dynamic

from platform_infra.image import build as image_build

if TYPE_CHECKING:
    from collections.abc import Mapping


class OperatorImageProvider(dynamic.ResourceProvider):
    """Builds an image that does not exist yet, and loads it into a local node.

    The image's name holds a hash of what it is made of, so a name stands for one content. Deleting
    the resource keeps the image: it is a cache, and other stacks of this machine may use it.
    """

    serialize_as_secret_always = False

    def create(self, props: dict[str, Any]) -> dynamic.CreateResult:
        """Build unless it exists, then load."""
        # The engine runs this in a process of its own; the node's module is needed only here.
        from platform_infra.cluster.local.images import load_image  # noqa: PLC0415

        image_build.build(image=props["image"], base=props["base"])
        load_image(props["container"], props["image"])
        return dynamic.CreateResult(id_=f"{props['image']}@{props['container']}", outs=props)

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> dynamic.DiffResult:
        """Another image or another node asks for another load; a moved checkout does not."""
        changed = [key for key in ("image", "container", "node") if olds.get(key) != news.get(key)]
        return dynamic.DiffResult(changes=bool(changed), replaces=changed)


class OperatorImage(dynamic.Resource, module="notification", name="OperatorImage"):
    """An image in a local node's store.

    `image`: its name; `container`: the node's container; `node`: what changes when that is made anew.
    """

    image: pulumi.Output[str]

    def __init__(
        self, name: str, inputs: Mapping[str, pulumi.Input[str]], opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(OperatorImageProvider(), name, dict(inputs), opts)
