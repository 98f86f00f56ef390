"""Settings for metrics collection and alerts. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from platform_infra.settings.sections.base import LabelKey, LabelValue, Section


class MonitoringMode(StrEnum):
    """How Prometheus discovers the operator."""

    AUTO = "auto"
    CRDS = "crds"
    ANNOTATIONS = "annotations"
    NONE = "none"


class Monitoring(Section):
    """Metrics collection, and thresholds of the alerts."""

    mode: MonitoringMode = MonitoringMode.AUTO
    """How Prometheus discovers the operator: `crds` creates a PodMonitor, a PrometheusRule and a dashboard, `annotations` annotates the pods, `auto` selects `crds` or `annotations` by the kinds that the cluster serves, `none` does nothing."""
    labels: dict[LabelKey, LabelValue] = Field(default_factory=dict)
    """Labels that your Prometheus selects PodMonitors and PrometheusRules by, such as `{"release": "prometheus"}`."""
    runbooks: Annotated[str, StringConstraints(pattern=r"^\S+$")] = "docs/runbooks"
    """Base of the `runbook_url` of each alert: where the pages of docs/runbooks are published."""
    alert_seconds: Annotated[int, Field(ge=1, le=86_400)] = 300
    """Seconds that a condition must hold before an alert fires; also the range of rates."""
    failure_percent: Annotated[int, Field(ge=0, le=99)] = 10
    """Percentage of a channel's attempts that can fail without an alert."""
    drill_hours: Annotated[int, Field(ge=2, le=8_784)] = 192
    """Hours that a NotificationReceiver can be without a successful drill without an alert, if drillSchedule is set: at least an hour more than the schedule leaves between two drills, and at most what Prometheus stores."""
    queue_seconds: Annotated[int, Field(ge=1, le=86_400)] = 60
    """Seconds that a notification can wait for a worker without an alert."""
