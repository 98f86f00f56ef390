"""The settings of how the operator is watched, and from when on somebody is told. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from platform_infra.settings.base import LabelKey, LabelValue, Section


class MonitoringMode(StrEnum):
    """How metrics are collected."""

    AUTO = "auto"
    CRDS = "crds"
    ANNOTATIONS = "annotations"
    NONE = "none"


class Monitoring(Section):
    """How metrics are collected, and the limits of the alerts."""

    mode: MonitoringMode = MonitoringMode.AUTO
    """How Prometheus finds the operator: `crds` makes a PodMonitor, a PrometheusRule and a dashboard, `annotations` marks the pods, `auto` asks the cluster which of the kinds it serves, and marks the pods where it serves none."""
    labels: dict[LabelKey, LabelValue] = Field(default_factory=dict)
    """Labels by which your Prometheus selects PodMonitors and PrometheusRules, such as `{"release": "prometheus"}`."""
    runbooks: Annotated[str, StringConstraints(pattern=r"^\S+$")] = "docs/runbooks"
    """Where the pages of docs/runbooks can be read; with it begins the `runbook_url` of each alert."""
    alert_seconds: Annotated[int, Field(ge=1, le=86_400)] = 300
    """How long a condition has to hold before somebody is told, and the span that rates are taken over."""
    failure_percent: Annotated[int, Field(ge=0, le=99)] = 10
    """The share of a channel's tries that may fail without an alert."""
    queue_seconds: Annotated[int, Field(ge=1, le=86_400)] = 60
    """How long a notification may wait for a worker without an alert."""
