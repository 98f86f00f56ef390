"""A rule for a whole stack: the operator of a cluster with previews does not watch their namespaces. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from platform_policy.pods import pod_annotations

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from platform_policy.disruption import Resource

BASE_LABEL = "kubernaut.ai/preview-base"
"""Label of the operator's namespace in a stack whose cluster previews use."""
EXCLUDED = "!kubernaut.ai/preview"
CONFIG_ANNOTATION = "kubernaut.ai/config"
"""Annotation of the pods of operator and gateway with their configuration file."""
GATEWAY_LABELS = {"app.kubernetes.io/name": "notification-gateway"}
"""Labels of the gateway's pods: it watches no notifications."""
REASON = (
    "previews use the cluster of the stack, but its operator watches their namespaces, so each of their notifications would "
    f"be delivered twice; add `{EXCLUDED}` to watchNamespaceSelector"
)


def previews_excluded(resources: Sequence[Resource]) -> Iterator[tuple[str, str]]:
    """Yield name and reason for each operator configuration that selects the namespaces of previews."""
    if not any(entry.kind == "Namespace" and BASE_LABEL in _labels(entry.properties) for entry in resources):
        return
    for name, config in operators(resources):
        if not _excludes(config):
            yield name, REASON


def operators(resources: Sequence[Resource]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the name and the configuration of each operator."""
    for entry in resources:
        text = pod_annotations(entry.kind, entry.properties).get(CONFIG_ANNOTATION)
        if text and not GATEWAY_LABELS.items() <= _labels(entry.properties).items():
            yield entry.name, yaml.safe_load(text) or {}


def _labels(properties: Mapping[str, Any]) -> Mapping[str, str]:
    labels: Mapping[str, str] = (properties.get("metadata") or {}).get("labels") or {}
    return labels


def _excludes(config: Mapping[str, Any]) -> bool:
    watch = config.get("watch") or {}
    selector = str(watch.get("namespace_selector") or "")
    return bool(watch.get("namespaces")) or EXCLUDED in {part.strip() for part in selector.split(",")}
