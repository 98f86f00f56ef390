"""Settings for metrics collection and alerts. Pure."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from platform_infra.settings.declaration import operator_setting
from platform_infra.settings.sections.base import LabelKey, LabelValue, Section


class MonitoringMode(StrEnum):
    """How Prometheus discovers the operator."""

    AUTO = "auto"
    CRDS = "crds"
    ANNOTATIONS = "annotations"
    NONE = "none"


def _base_url(text: str) -> str:
    """Return a base of URLs as it is written; empty for none.

    Raises:
        ValueError: a path that is appended to it makes no absolute URL.
    """
    if not text:
        return text
    try:
        parts = urlsplit(text)
        valid = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid or re.search(r"[\s?#]", text):
        raise ValueError(
            "must be an absolute URL such as https://wiki.example.com/runbooks, with http or https and without `?` and `#`"
        )
    return text


class ExternalHeartbeat(Section):
    """Requests to a dead man's switch: a service elsewhere that raises an alarm when they stop."""

    secret: str = operator_setting("external_heartbeat.secret")
    secret_key: str = operator_setting("external_heartbeat.secret_key")
    every_seconds: int = operator_setting("external_heartbeat.every_seconds")


class Monitoring(Section):
    """Metrics collection, and thresholds of the alerts."""

    mode: MonitoringMode = MonitoringMode.AUTO
    """How Prometheus discovers the operator: `crds` creates a PodMonitor, a PrometheusRule and a dashboard, `annotations` annotates the pods, `auto` selects `crds` or `annotations` by the kinds that the cluster serves, `none` does nothing."""
    labels: dict[LabelKey, LabelValue] = Field(default_factory=dict)
    """Labels that your Prometheus selects PodMonitors and PrometheusRules by, such as `{"release": "prometheus"}`."""
    runbooks: Annotated[str, AfterValidator(_base_url)] = ""
    """URL under which the pages of docs/runbooks are published, such as `https://wiki.example.com/runbooks`: the base of the `runbook_url` of each alert. Empty for none: the description of each alert then names the page, and there is no `runbook_url`."""
    alert_seconds: Annotated[int, Field(ge=1, le=86_400)] = 300
    """Seconds that a condition must hold before an alert fires; also the range of rates, which is at least 300."""
    failure_percent: Annotated[int, Field(ge=0, le=99)] = 10
    """Percentage of a channel's attempts that can fail without an alert."""
    drill_hours: Annotated[int, Field(ge=2, le=8_784)] = 192
    """Hours without a successful drill after which an alert reports a NotificationReceiver, if drillSchedule is set: at least an hour more than the time between two drills, and at most the retention time of Prometheus."""
    source_hours: Annotated[int, Field(ge=0, le=8_784)] = 168
    """With `gatewayEnabled`: hours that a NotificationSource that has received messages before can be without one without an alert; 0 for any time. A sender that must send more often is a source of the type heartbeat."""
    queue_seconds: Annotated[int, Field(ge=1, le=86_400)] = 60
    """Seconds that a notification can wait for a worker without an alert."""
    external_heartbeat: ExternalHeartbeat = ExternalHeartbeat()
