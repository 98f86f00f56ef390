"""Sources on the command line, against a real API server."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from kubernetes import client

from notification_cli.views.lint import files as lint
from notification_contract.names import SOURCE_CRD, SOURCE_PLURAL
from tests.harness.eventually import eventually
from tests.unit.gateway.mapping.builders import alert

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.cluster import Cluster

AUTH = {"bearerSecretRef": {"name": "hook"}}
ALERTS = {"type": "alertmanager", "auth": AUTH}
NIGHTLY = {"type": "heartbeat", "auth": {"path": True}, "heartbeat": {"every": "1h"}}
READ = {"apiGroups": ["kubernaut.ai"], "resources": ["notificationrequests"], "verbs": ["get", "list"]}


def ago(**parts: float) -> str:
    return (datetime.now(UTC) - timedelta(**parts)).strftime("%Y-%m-%dT%H:%M:%SZ")


def status(**more: Any) -> dict[str, Any]:
    """Return the status of a source that is ready."""
    ready = {"type": "Ready", "status": "True", "reason": "Accepted", "message": "It accepts messages"}
    return {"conditions": [{**ready, "lastTransitionTime": ago(hours=1)}], **more}


@pytest.mark.check("cli-44")
def test_list_has_readiness_and_counts_of_every_source(cluster: Cluster) -> None:
    cluster.create_source(
        "alerts", ALERTS, status=status(received=12, rejected=2, lastReceivedTime=ago(minutes=5))
    )
    cluster.create_source("nightly", NIGHTLY)
    done = cluster.notif("source", "ls", "-n", cluster.namespace)
    assert (done.code, done.err) == (0, "")
    assert [line.split() for line in done.out.splitlines()] == [
        ["NAME", "TYPE", "READY", "RECEIVED", "REJECTED", "LAST", "RECEIVED", "LAST", "BEAT"],
        ["alerts", "alertmanager", "True", "12", "2", "5m", "ago", "-"],
        ["nightly", "heartbeat", "-", "0", "0", "-", "waits", "for", "its", "first", "beat"],
    ]
    names = cluster.notif("source", "ls", "-A", "-o", "name").out.split()
    assert {f"notificationsource.kubernaut.ai/{each}" for each in ("alerts", "nightly")} <= set(names)
    whole = json.loads(cluster.notif("source", "ls", "-n", cluster.namespace, "-o", "json").out)
    assert [each["spec"]["type"] for each in whole["items"]] == ["alertmanager", "heartbeat"]


@pytest.mark.check("cli-45")
def test_source_is_shown_with_what_the_api_server_fills_in(cluster: Cluster) -> None:
    cluster.create_source("nightly", NIGHTLY, status=status(received=3, lastBeatTime=ago(minutes=20)))
    done = cluster.notif("source", "show", "nightly", "-n", cluster.namespace)
    assert (done.code, done.err) == (0, "")
    for line in (
        f"{cluster.namespace}/nightly  heartbeat",
        f"URL path  /hook/{cluster.namespace}/nightly/<token>",
        "Accepts  path (`notif source url nightly` prints the URL)",
        "Delivers to  what the routing rules choose",
        "Limit  600 messages in 1m",
        "Beats  every 1h, at most 5m late",
        "Received  3: 0 created, 0 duplicates, 0 filtered, 0 rejected",
    ):
        assert line in done.out.splitlines()
    assert ", due in " in done.out
    home = cluster.notif(
        "source", "show", "nightly", "-n", cluster.namespace, "--operator-namespace", cluster.namespace
    )
    assert "URL path  /hook/nightly/<token>" in home.out.splitlines()
    missing = cluster.notif("source", "show", "absent", "-n", cluster.namespace)
    assert (missing.code, missing.err) == (
        1,
        f"notif: there is no source absent in namespace {cluster.namespace}\n",
    )


@pytest.mark.check("cli-46")
def test_shown_notifications_are_accepted_by_the_api_server(cluster: Cluster) -> None:
    labels = {"labels": {"include": ["alertname", "team"]}}
    cluster.create_source(
        "alerts", {**ALERTS, "mapping": {**labels, "subject": "{{ payload.status | upper }}"}}
    )
    cluster.create_source("events", {"type": "cloudevents", "auth": AUTH})
    group = {"version": "4", "groupKey": "{}:{}", "status": "firing", "alerts": [alert()]}
    done = cluster.notif(
        "source", "test", "alerts", "-n", cluster.namespace, "-f", "-", text=json.dumps(group)
    )
    made = yaml.safe_load(done.out)
    assert (done.code, made["spec"]["subject"]) == (0, "FIRING")
    assert done.err.startswith(
        f"notif: {made['metadata']['name']}: only the operator's log gets this message: "
    )
    assert cluster.accepts(made)
    batch = [{"specversion": "1.0", "id": each, "source": "s", "type": "t"} for each in ("1", "2")]
    arguments = ("source", "test", "events", "-n", cluster.namespace, "-f", "-", "-o", "json")
    items = json.loads(cluster.notif(*arguments, text=json.dumps(batch)).out)["items"]
    assert [cluster.accepts(each) for each in items] == [True, True]
    assert cluster.all() == []
    rejected = cluster.notif(*arguments, text="[]")
    assert (rejected.code, rejected.out) == (1, "")
    assert "400: body is a list of 0; it must be a list of 1 to 100 events" in rejected.err


@pytest.mark.check("cli-47")
def test_sources_that_cannot_be_read_are_one_line(cluster: Cluster, tmp_path: Path) -> None:
    ann = cluster.user(tmp_path, READ)
    denied = cluster.notif("source", "ls", "-n", cluster.namespace, kubeconfig=ann)
    assert (denied.code, denied.err.count("\n")) == (3, 1)
    assert "may not list notificationsources.kubernaut.ai in namespace" in denied.err
    definitions = client.ApiextensionsV1Api(cluster.api)
    definitions.delete_custom_resource_definition(SOURCE_CRD)
    try:
        absent = eventually(
            lambda: cluster.notif("source", "ls", "-n", cluster.namespace), lambda done: done.code != 0
        )
    finally:
        cluster.install_sources()
    assert (absent.code, absent.err.count("\n")) == (3, 1)
    assert f"the CustomResourceDefinition {SOURCE_CRD} is not installed" in absent.err


@pytest.mark.check("cli-48")
def test_lint_and_the_api_server_agree_about_sources(cluster: Cluster) -> None:
    head = {"apiVersion": "kubernaut.ai/v1alpha1", "kind": "NotificationSource"}
    hmac = {"secretRef": {"name": "hook"}}
    changes: tuple[tuple[str, dict[str, Any]], ...] = (
        *(
            ("a", {"type": kind})
            for kind in ("alertmanager", "cloudevents", "slack", "generic", "heartbeat", "pager")
        ),
        ("a", NIGHTLY),
        ("a", {"type": "heartbeat", "heartbeat": {"every": "9s"}}),
        ("a", {"type": "alertmanager", "alertmanager": {"repeatAfter": "4h"}}),
        ("a", {"alertmanager": {"repeatAfter": "4h"}}),
        ("a", {"auth": {"hmac": {}}}),
        ("a", {"auth": {"hmac": {**hmac, "scheme": "plain-token"}}}),
        ("a", {"auth": {"hmac": {**hmac, "scheme": "plain-token", "header": "X-Gitlab-Token"}}}),
        ("a", {"auth": {"bearerSecretRefs": [{"name": "a"}] * 4}}),
        ("a", {"rateLimit": {"count": 0}}),
        ("a", {"mapping": {"priority": {"map": {"critical": "high"}}}}),
        ("a", {"mapping": {"labels": {"prefix": "no-slash"}}}),
        ("a", {"unknown": 1}),
        ("a" * 64, {}),
        ("A", {}),
    )
    variants = [
        {**head, "metadata": {"name": name}, "spec": {"type": "generic", **more}} for name, more in changes
    ]
    verdicts = [not [p for each in lint.check([obj]) for p in each.problems] for obj in variants]
    assert verdicts == [cluster.accepts(obj, SOURCE_PLURAL) for obj in variants]
    assert len(set(verdicts)) == 2
