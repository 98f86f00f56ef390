"""The ConfigMap with the routing rules of a stack."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pulumi_kubernetes.core.v1 import ConfigMap
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from notification_contract.routing.document import render
from platform_infra import names

if TYPE_CHECKING:
    import pulumi

    from platform_infra.children import Children
    from platform_infra.settings.model import Settings


def routing_rules(settings: Settings, namespace: pulumi.Input[str], child: Children) -> list[ConfigMap]:
    """Create the ConfigMap; without rules in the stack there is none, so that others can create their own."""
    if not settings.routing:
        return []
    place = settings.routing_config_map
    metadata = ObjectMetaArgs(name=place.name, namespace=namespace, labels=names.labels("routing"))
    return [
        ConfigMap(
            child.name("routing"),
            metadata=metadata,
            data={place.key: render(settings.routing)},
            opts=child.options(),
        )
    ]
