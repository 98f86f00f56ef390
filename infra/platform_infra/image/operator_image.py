"""The operator's image as a Pulumi resource: built from this checkout and loaded into the local node."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import pulumi
from pulumi import dynamic

from platform_infra.image import build as image_build


class OperatorImageProvider(dynamic.ResourceProvider):
    """Builds an image that does not exist yet, and loads it into a local node.

    The image's tag is a hash of its content. To delete the resource does not delete the image, because other stacks of
    the machine may use it.
    """

    serialize_as_secret_always = False

    def create(self, props: dict[str, Any]) -> dynamic.CreateResult:
        """Build the image if it does not exist, then load it."""
        _load(props)
        return dynamic.CreateResult(id_=f"{props['image']}@{props['container']}", outs=props)

    def update(self, _id: str, _olds: dict[str, Any], news: dict[str, Any]) -> dynamic.UpdateResult:
        """Load another image, or the same image into a recreated node; images of earlier updates stay."""
        _load(news)
        return dynamic.UpdateResult(outs=news)

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> dynamic.DiffResult:
        """Report a change if the image or the node differs; another path of the checkout changes nothing."""
        changed = any(olds.get(key) != news.get(key) for key in ("image", "container", "node"))
        return dynamic.DiffResult(changes=changed)


def _load(props: dict[str, Any]) -> None:
    # Imported here: the provider runs in its own process, and only that process needs the module.
    from platform_infra.cluster.local.images import load_image  # noqa: PLC0415

    image_build.build(image=props["image"], base=props["base"])
    load_image(props["container"], props["image"])


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorImageArgs:
    """Which image to build, from which base, and for which node."""

    image: str
    """The image's name with its tag."""
    base: str
    """The base image; empty selects the default."""
    container: pulumi.Input[str]
    """The name of the node's container."""
    node: pulumi.Input[str]
    """The identity of the node, which changes when the node is recreated."""


class OperatorImage(dynamic.Resource, module="notification", name="OperatorImage"):
    """An image in the image store of a local node."""

    image: pulumi.Output[str]

    def __init__(
        self, name: str, *, args: OperatorImageArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        inputs = {entry.name: getattr(args, entry.name) for entry in fields(args)}
        super().__init__(OperatorImageProvider(), name, inputs, opts)
