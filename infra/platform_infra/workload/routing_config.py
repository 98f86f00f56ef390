"""The ConfigMap that holds the routing rules, where the stack has some."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pulumi_kubernetes.core.v1 import ConfigMap
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from platform_infra import names
from platform_infra.settings import routing_document

if TYPE_CHECKING:
    import pulumi

    from platform_infra.settings.model import Settings


def routing_rules(
    settings: Settings, namespace: pulumi.Input[str], opts: pulumi.ResourceOptions
) -> list[ConfigMap]:
    """Return the ConfigMap; none where the stack sets no rules, so that others may keep one of their own."""
    if not settings.routing:
        return []
    text = routing_document.render(settings.routing)
    metadata = ObjectMetaArgs(name=names.ROUTING_CONFIG, namespace=namespace, labels=names.labels("routing"))
    return [ConfigMap("routing", metadata=metadata, data={names.ROUTING_KEY: text}, opts=opts)]
