"""The dashboard as Grafana reads it. Pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from platform_infra import names
from platform_infra.monitoring.panels import panels
from platform_infra.monitoring.queries import PREFIX, Scope

if TYPE_CHECKING:
    from platform_infra.monitoring.panels import Panel

LABEL = "grafana_dashboard"
"""By this label of a ConfigMap Grafana's side-car finds dashboards."""
FILE = f"{names.PROJECT}.json"
VIEWER = Scope(namespace="$namespace", window="$__rate_interval")
"""Whoever looks at it chooses the operator and the span."""
ACROSS, WIDTH, HEIGHT = 2, 12, 8
"""Panels side by side, and their size on Grafana's grid of 24 columns."""
SOURCE = {"type": "prometheus", "uid": "${datasource}"}


def dashboard() -> str:
    """Return the dashboard's JSON; it is the same for all stacks, which are told apart by the variable `namespace`."""
    return json.dumps(document(), indent=2) + "\n"


def document() -> dict[str, Any]:
    """Return the dashboard."""
    return {
        "uid": names.PROJECT,
        "title": "Notifications",
        "tags": [names.PROJECT],
        "schemaVersion": 39,
        "editable": False,
        "time": {"from": "now-1h", "to": "now"},
        "refresh": "30s",
        "templating": {"list": [_sources(), _namespaces()]},
        "panels": [_panel(number, panel) for number, panel in enumerate(panels(VIEWER))],
    }


def _sources() -> dict[str, Any]:
    return {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"}


def _namespaces() -> dict[str, Any]:
    return {
        "name": "namespace",
        "label": "Operator in",
        "type": "query",
        "datasource": SOURCE,
        "query": f"label_values({PREFIX}shards, namespace)",
        "refresh": 2,
    }


def _panel(number: int, panel: Panel) -> dict[str, Any]:
    row, column = divmod(number, ACROSS)
    return {
        "id": number + 1,
        "type": "timeseries",
        "title": panel.title,
        "description": panel.description,
        "datasource": SOURCE,
        "gridPos": {"x": column * WIDTH, "y": row * HEIGHT, "w": WIDTH, "h": HEIGHT},
        "fieldConfig": {"defaults": {"unit": str(panel.unit), "min": 0}, "overrides": []},
        "targets": [
            {"refId": chr(ord("A") + place), "expr": curve.expression, "legendFormat": curve.legend}
            for place, curve in enumerate(panel.curves)
        ],
    }
