"""A rule for a whole stack: a receiver or a routing rule leads outside the cluster. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from platform_policy.previews import operators

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from platform_policy.disruption import Resource

INSIDE = frozenset({"console", "file", "log"})
"""Channels that write to a log or a file of the operator."""
ROUTING_LABELS = {
    "app.kubernetes.io/part-of": "notification-platform",
    "app.kubernetes.io/component": "routing",
}
"""Labels of the ConfigMap with the routing rules of a stack."""
REASON = (
    "no receiver and no routing rule of the stack leads outside the cluster, so only the operator's log gets its messages; "
    "add a receiver to `receivers` or a rule to `routing`, or set `channelsSlackEnabled` to true and the URL with "
    "`pulumi config set --secret channelsSlackWebhookUrl`"
)


def way_out(resources: Sequence[Resource]) -> Iterator[tuple[str, str]]:
    """Yield name and reason for each operator whose stack has no channel that leads outside the cluster."""
    declared = {channel for entry in resources for channel in _channels(entry)}
    for name, config in operators(resources):
        slack = (config.get("channels") or {}).get("slack") or {}
        if declared <= INSIDE and not slack.get("enabled"):
            yield name, REASON


def _channels(entry: Resource) -> Iterator[str]:
    """Yield the channels of a receiver, or of the routing rules of a stack."""
    if entry.kind == "NotificationReceiver":
        yield str((entry.properties.get("spec") or {}).get("type"))
    labels = (entry.properties.get("metadata") or {}).get("labels") or {}
    if entry.kind != "ConfigMap" or not ROUTING_LABELS.items() <= labels.items():
        return
    for text in (entry.properties.get("data") or {}).values():
        document = yaml.safe_load(text or "") or {}
        used = set(_used(document.get("route") or {}))
        for receiver in document.get("receivers") or ():
            if receiver.get("name") in used:
                yield from _targets(receiver)


def _used(rule: Mapping[str, Any]) -> Iterator[str]:
    """Yield the receivers of a rule and of the rules below it."""
    yield str(rule.get("receiver"))
    for child in rule.get("routes") or ():
        yield from _used(child)


def _targets(receiver: Mapping[str, Any]) -> Iterator[str]:
    """Yield the channels of a receiver in the routing rules, and `receiverRef` for a NotificationReceiver."""
    for key in receiver.keys() - {"name", "channels"}:
        yield key.removesuffix("Configs").removesuffix("_configs")
    for each in receiver.get("channels") or ():
        yield from [each] if isinstance(each, str) else each
