"""The ConfigMap that holds the routing rules, where the stack has some."""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml
from pulumi_kubernetes.core.v1 import ConfigMap
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from platform_infra import names

if TYPE_CHECKING:
    import pulumi

    from platform_infra.settings import Settings


def routing_rules(
    settings: Settings, namespace: pulumi.Input[str], opts: pulumi.ResourceOptions
) -> list[ConfigMap]:
    """Return the ConfigMap; none where the stack sets no rules, so that others may keep one of their own."""
    if not settings.routing:
        return []
    text = yaml.safe_dump(settings.routing, sort_keys=False, allow_unicode=True)
    metadata = ObjectMetaArgs(name=names.ROUTING_CONFIG, namespace=namespace, labels=names.labels("routing"))
    return [ConfigMap("routing", metadata=metadata, data={names.ROUTING_KEY: text}, opts=opts)]
