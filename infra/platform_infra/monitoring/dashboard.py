"""The Grafana dashboard. Pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from platform_infra import names
from platform_infra.monitoring.panels import gateway_panels, panels
from platform_infra.monitoring.queries import PREFIX, Scope

if TYPE_CHECKING:
    from platform_infra.monitoring.panels import Panel

LABEL = "grafana_dashboard"
"""The label by which Grafana's sidecar finds the ConfigMaps of dashboards."""
FILE = f"{names.PROJECT}.json"
VIEWER = Scope(namespace="$namespace", window="$__rate_interval")
"""The viewer selects the operator and the time range."""
COLUMNS, WIDTH, HEIGHT = 2, 12, 8
"""Panels per row, and their size on Grafana's grid of 24 columns."""
SOURCE = {"type": "prometheus", "uid": "${datasource}"}


def dashboard(*, gateway: bool = False) -> str:
    """Return the dashboard's JSON. It is the same for all stacks with or without the gateway; the variable `namespace` selects one."""
    return json.dumps(document(gateway=gateway), indent=2) + "\n"


def document(*, gateway: bool = False) -> dict[str, Any]:
    """Return the dashboard as Grafana's JSON model."""
    shown = (*panels(VIEWER), *(gateway_panels(VIEWER) if gateway else ()))
    return {
        "uid": names.PROJECT,
        "title": "Notifications",
        "tags": [names.PROJECT],
        "schemaVersion": 39,
        "editable": False,
        "time": {"from": "now-1h", "to": "now"},
        "refresh": "30s",
        "templating": {"list": [_datasource_variable(), _namespace_variable()]},
        "panels": [_panel(number, panel) for number, panel in enumerate(shown)],
    }


def _datasource_variable() -> dict[str, Any]:
    return {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"}


def _namespace_variable() -> dict[str, Any]:
    return {
        "name": "namespace",
        "label": "Operator namespace",
        "type": "query",
        "datasource": SOURCE,
        "query": f"label_values({PREFIX}shards, namespace)",
        "refresh": 2,
    }


def _panel(number: int, panel: Panel) -> dict[str, Any]:
    row, column = divmod(number, COLUMNS)
    return {
        "id": number + 1,
        "type": "timeseries",
        "title": panel.title,
        "description": panel.description,
        "datasource": SOURCE,
        "gridPos": {"x": column * WIDTH, "y": row * HEIGHT, "w": WIDTH, "h": HEIGHT},
        "fieldConfig": {"defaults": {"unit": str(panel.unit), "min": 0}, "overrides": []},
        "targets": [
            {"refId": chr(ord("A") + position), "expr": curve.expression, "legendFormat": curve.legend}
            for position, curve in enumerate(panel.curves)
        ],
    }
