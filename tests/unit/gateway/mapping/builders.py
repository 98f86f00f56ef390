"""Builders of sources, posts and payloads for tests: every field has a default, and a test names its subject.

The payloads are written by hand after the documentation of their senders:

- Alertmanager: prometheus.io/docs/alerting/latest/configuration/#webhook_config
- Grafana: grafana.com/docs/grafana/latest/alerting, "Configure webhook notifications"
- GitHub: docs.github.com/en/webhooks/webhook-events-and-payloads, event workflow_run
- Slack: docs.slack.dev, "Sending messages using incoming webhooks" and "Blocks"
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from notification_contract.sources.source import NotificationSource
from notification_domain.mapping import Limits, Notification, Post, translate

if TYPE_CHECKING:
    from collections.abc import Mapping

START: Final = datetime(2026, 3, 1, 12, 0, 30, tzinfo=UTC)
BEGAN: Final = "2026-03-01T11:00:00.157Z"
NEVER: Final = "0001-01-01T00:00:00Z"
SCHEMA: Final = Limits(link_schemes=("http", "https"))
CONTEXT: Final = {"namespace": "shop", "name": "alerts", "uid": "u-1"}


def source(kind: str, *, identity: dict[str, str] | None = None, **spec: Any) -> NotificationSource:
    if kind == "heartbeat":
        spec = {"heartbeat": {"every": "1h"}, **spec}
    return NotificationSource.parse({"metadata": CONTEXT | (identity or {}), "spec": {"type": kind, **spec}})


def post(
    content: Any,
    headers: Mapping[str, str] | None = None,
    *,
    content_type: str = "application/json",
    seconds: float = 0,
    covered: tuple[str, ...] = (),
) -> Post:
    """Return a post; content that is not bytes is sent as JSON."""
    return Post(
        content_type=content_type,
        headers=headers or {},
        body=content if isinstance(content, bytes) else json.dumps(content).encode(),
        received=START + timedelta(seconds=seconds),
        covered=covered,
    )


def only(of: NotificationSource, what: Post, limits: Limits = SCHEMA) -> Notification:
    """Return the notification of a post that becomes one."""
    (notification,) = translate(of, what, limits).notifications
    return notification


def alert(name: str = "HighMemory", **fields: Any) -> dict[str, Any]:
    """Return a firing alert; `resolved` is the time of its end, and `team` and `severity` are labels."""
    labels = {"alertname": name, "instance": "db-1:9100"}
    labels |= {key: fields.pop(key) for key in ("team", "severity", "instance") if key in fields}
    ends = fields.pop("resolved", None)
    return {
        "status": "resolved" if ends else "firing",
        "labels": labels,
        "annotations": {
            "summary": f"{name} on db-1",
            "description": "Memory is at 97 %.",
            "runbook_url": "https://runbooks.example/memory",
        },
        "startsAt": BEGAN,
        "endsAt": ends or NEVER,
        "generatorURL": "http://prometheus.example:9090/graph?g0.expr=up%3D%3D0&g0.tab=1",
        "fingerprint": f"{name}-{labels['instance']}",
        **fields,
    }


def alertmanager(*alerts: dict[str, Any], **fields: Any) -> dict[str, Any]:
    listed = list(alerts) or [alert()]
    is_firing = any(each["status"] == "firing" for each in listed)
    return {
        "version": "4",
        "groupKey": '{}/{team="db"}:{alertname="HighMemory"}',
        "truncatedAlerts": 0,
        "status": "firing" if is_firing else "resolved",
        "receiver": "notifications",
        "groupLabels": {"alertname": "HighMemory"},
        "commonLabels": {"alertname": "HighMemory"},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager.example:9093",
        "alerts": listed,
        **fields,
    }


def grafana() -> dict[str, Any]:
    return {
        "receiver": "Platform team",
        "status": "firing",
        "orgId": 1,
        "alerts": [
            {
                "status": "firing",
                "labels": {"alertname": "Disk almost full", "team": "storage", "zone": "eu-1"},
                "annotations": {"summary": "The disk of zone eu-1 is almost full"},
                "startsAt": "2026-03-01T12:56:03.157076+02:00",
                "endsAt": NEVER,
                "values": {"A": 96.5, "C": 1},
                "generatorURL": "https://grafana.example/alerting/grafana/d1/view?orgId=1",
                "fingerprint": "bc97ff14869b13e3",
                "silenceURL": "https://grafana.example/alerting/silence/new?matcher=zone%3Deu-1",
                "dashboardURL": "https://grafana.example/d/disks",
                "panelURL": "https://grafana.example/d/disks?viewPanel=2",
                "imageURL": "https://grafana.example/image.png",
            }
        ],
        "groupLabels": {"team": "storage"},
        "commonLabels": {"team": "storage"},
        "commonAnnotations": {},
        "externalURL": "https://grafana.example/",
        "version": "1",
        "groupKey": '{}:{team="storage"}',
        "truncatedAlerts": 0,
        "title": "[FIRING:1] storage",
        "state": "alerting",
        "message": "A disk is almost full",
    }


def github() -> dict[str, Any]:
    return {
        "action": "completed",
        "workflow_run": {
            "id": 30433642,
            "name": "Build",
            "head_branch": "main",
            "run_number": 562,
            "event": "push",
            "status": "completed",
            "conclusion": "failure",
            "html_url": "https://github.com/acme/shop/actions/runs/30433642",
        },
        "repository": {"id": 1296269, "full_name": "acme/shop", "private": False},
        "sender": {"login": "octocat", "type": "User"},
    }
