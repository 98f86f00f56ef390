"""The operator's configuration file, made from a stack's settings. Pure."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import yaml

from platform_infra import names

if TYPE_CHECKING:
    from platform_infra.settings.model import Settings


def document(settings: Settings) -> dict[str, Any]:
    """Return what the operator reads as `config.yaml`; only the sections that a stack decides."""
    return {
        "watch": {
            "namespaces": list(settings.watch.namespaces),
            "namespace_selector": settings.watch.namespace_selector or None,
        },
        "queue": {"workers": settings.operator.workers},
        "delivery": settings.delivery.model_dump(mode="json"),
        "breaker": settings.breaker.model_dump(mode="json"),
        "channels": {
            "console": {"enabled": settings.channels.console.enabled},
            "file": {
                "enabled": settings.channels.file.enabled,
                "directory": settings.channels.file.directory,
            },
            "log": {"enabled": settings.channels.log.enabled},
            # The URL is in a Secret.
            "slack": {
                "enabled": settings.channels.slack.enabled,
                "connections": settings.channels.slack.connections,
            },
            "plugins": {
                name: plugin.model_dump(mode="json") for name, plugin in settings.channels.plugins.items()
            },
        },
        "sanitizer": settings.sanitizer.model_dump(mode="json"),
        "audit": settings.audit.model_dump(mode="json"),
        "retention": settings.retention.model_dump(mode="json"),
        "routing": {
            "namespace": settings.operator.namespace,
            "config_map": names.ROUTING_CONFIG,
            "key": names.ROUTING_KEY,
        },
        "events": settings.events.model_dump(mode="json"),
        "leader_election": {
            "enabled": settings.operator.leader_election,
            "namespace": settings.operator.namespace,
            "lease_name": names.OPERATOR,
            "shards": settings.operator.shards,
        },
        "server": {"health_port": names.HEALTH_PORT, "metrics_port": names.METRICS_PORT},
        "log": settings.log.model_dump(mode="json"),
        "shutdown": {"grace_seconds": settings.operator.grace_seconds},
    }


def render(settings: Settings) -> str:
    """Return the file's text."""
    return yaml.safe_dump(document(settings), sort_keys=False)


def object_name(text: str) -> str:
    """Return a ConfigMap name that is new whenever the text is, so that a change rolls the pods."""
    return f"{names.OPERATOR}-{hashlib.sha256(text.encode()).hexdigest()[:10]}"
