"""The ConfigMap with the routing rules of a stack."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
from pulumi_kubernetes.core.v1 import ConfigMap
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from notification_contract.routing.document import check_document, render
from platform_infra import names

if TYPE_CHECKING:
    from platform_infra.children import Children
    from platform_infra.settings.model import Settings


def routing_rules(settings: Settings, namespace: pulumi.Input[str], child: Children) -> list[ConfigMap]:
    """Create the ConfigMap; without rules in the stack there is none, so that others can create their own."""
    if not settings.routing:
        return []
    place = settings.routing_config_map
    for each in check_document(settings.routing)[1]:
        pulumi.log.warn(f"routing: {each}")
    metadata = ObjectMetaArgs(name=place.name, namespace=namespace, labels=names.labels("routing"))
    return [
        ConfigMap(
            child.name("routing"),
            metadata=metadata,
            data={place.key: render(settings.routing)},
            opts=child.options(),
        )
    ]
