"""How the operator's metrics are found. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from platform_infra import names

if TYPE_CHECKING:
    from platform_infra.settings import Settings


def pod_annotations(settings: Settings) -> dict[str, str]:
    """Return the annotations by which a Prometheus without an operator finds the pods."""
    if not settings.monitoring.scrape_annotations:
        return {}
    return {
        "prometheus.io/scrape": "true",
        "prometheus.io/port": str(names.METRICS_PORT),
        "prometheus.io/path": "/metrics",
    }
