"""Receivers on the command line, against a real API server."""

from __future__ import annotations

import json
import re
import subprocess
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest
from kubernetes import client

from notification_contract.names import RECEIVER_PLURAL, SECRET_LABEL
from tests.cli.cluster import COMMAND
from tests.harness.eventually import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.cluster import Cluster

SLACK = {"type": "slack", "slack": {"webhookUrlSecretRef": {"name": "hook"}}}
READ = {"apiGroups": ["kubernaut.ai"], "resources": ["notificationrequests"], "verbs": ["get", "list"]}
READ_ALL = {**READ, "resources": ["notificationrequests", "notificationreceivers"]}


def status(*, healthy: str = "True", reason: str = "Delivering", **more: Any) -> dict[str, Any]:
    """Return the status of a receiver that is ready."""

    def condition(kind: str, value: str, why: str) -> dict[str, Any]:
        return {
            "type": kind,
            "status": value,
            "reason": why,
            "message": f"{kind} is {value}",
            "observedGeneration": 1,
            "lastTransitionTime": "2026-03-01T12:00:00Z",
        }

    conditions = [
        condition("Ready", "True", "Accepted"),
        condition("ResolvedRefs", "True", "SecretFound"),
        condition("Healthy", healthy, reason),
    ]
    return {"observedGeneration": 1, "conditions": conditions, **more}


@pytest.mark.check("cli-25")
def test_message_goes_to_the_receivers_that_are_named(cluster: Cluster) -> None:
    cluster.create_receiver("checkout", SLACK)
    sent = cluster.notif(
        *("send", "-n", cluster.namespace, "-s", "Checkout is down", "-o", "json"),
        *("--to", "log", "--to", "slack/checkout", "--to", "platform/on-call"),
        *("--incident", "checkout", "--event", "acknowledge", "--format", "markdown"),
        *("--template", "texts/incident"),
        *("--not-before", "10m", "--deliver-before", "2099-01-01T00:00:00Z"),
    )
    assert (sent.code, sent.err) == (0, "")
    spec = json.loads(sent.out)["spec"]
    assert spec["channels"] == ["log"]
    assert spec["receiverRefs"] == [{"name": "checkout"}, {"name": "on-call", "namespace": "platform"}]
    assert (spec["dedupKey"], spec["event"], spec["format"]) == ("checkout", "Acknowledge", "Markdown")
    assert spec["template"] == {"configMapKeyRef": {"name": "texts", "key": "incident"}}
    assert spec["notBefore"] < spec["deliverBefore"] == "2099-01-01T00:00:00.000000Z"


@pytest.mark.check("cli-26")
def test_receiver_of_another_type_is_refused_before_anything_is_sent(cluster: Cluster) -> None:
    cluster.create_receiver("checkout", SLACK)
    refused = cluster.notif("send", "-n", cluster.namespace, "-s", "x", "--to", "pagerduty/checkout")
    assert (refused.code, refused.out) == (1, "")
    assert "has the type slack, not pagerduty; write --to slack/checkout" in refused.err
    assert cluster.all() == []
    later = cluster.notif("send", "-n", cluster.namespace, "-s", "x", "--to", "pagerduty/later")
    assert (later.code, "there is no receiver later" in later.err) == (0, True)


@pytest.mark.check("cli-27")
@pytest.mark.parametrize("to", ["pager", "slack/", "a/b/c/d", "slack/checkout#1f3a9c20"])
def test_destination_of_another_form_is_wrong_usage(cluster: Cluster, to: str) -> None:
    refused = cluster.notif("send", "-n", cluster.namespace, "-s", "x", "--to", to)
    assert (refused.code, refused.err.count("\n")) == (2, 1)


@pytest.mark.check("cli-28")
def test_show_and_why_name_the_receiver_and_what_is_wrong_with_it(cluster: Cluster) -> None:
    cluster.create_receiver(
        "checkout",
        {**SLACK, "fallback": {"name": "mail", "after": "Never"}},
        status=status(healthy="False", reason="CircuitOpen"),
    )
    cluster.create("order", receiverRefs=[{"name": "checkout"}, {"name": "absent"}])
    for verb in ("show", "why"):
        result = cluster.notif(verb, "order", "-n", cluster.namespace)
        assert (result.code, result.err) == (0, "")
        (line,) = [each for each in result.out.splitlines() if f"{cluster.namespace}/checkout " in each]
        assert "False (CircuitOpen)" in line
        assert "mail once this one has failed" in line
        assert re.search(rf"{cluster.namespace}/absent +does not exist", result.out)
    assert f"because receiver {cluster.namespace}/absent does not exist" in result.out
    value = json.loads(cluster.notif("show", "order", "-n", cluster.namespace, "-o", "json").out)
    assert [each["name"] for each in value["targets"]] == ["slack/checkout", "receiver/absent"]
    assert [each["exists"] for each in value["receivers"]] == [True, False]


@pytest.mark.check("cli-29")
def test_missing_right_to_read_receivers_is_named_and_the_rest_is_shown(
    cluster: Cluster, tmp_path: Path
) -> None:
    reader = cluster.user(tmp_path, READ)
    cluster.create("order", receiverRefs=[{"name": "checkout"}], status={"phase": "Sending", "message": "m"})
    result = cluster.notif("show", "order", "-n", cluster.namespace, kubeconfig=reader)
    assert (result.code, "it cannot be read" in result.out) == (0, True)
    assert "may not get notificationreceivers.kubernaut.ai in namespace" in result.err


@pytest.mark.check("cli-30")
def test_list_is_filtered_by_receiver(cluster: Cluster) -> None:
    cluster.create("named", receiverRefs=[{"name": "checkout"}])
    cluster.create(
        "routed",
        status={
            "phase": "Suppressed",
            "targets": [{"name": "slack/platform/checkout", "state": "Suppressed"}],
        },
    )
    cluster.create("other", channels=["log"])
    where = ("-n", cluster.namespace, "-o", "name")
    names = {
        text: [line.partition("/")[2] for line in cluster.notif("ls", *where, "--receiver", text).out.split()]
        for text in ("checkout", f"{cluster.namespace}/checkout", "platform/checkout", "absent")
    }
    assert list(names.values()) == [["named", "routed"], ["named"], ["routed"], []]
    assert cluster.notif("ls", "--receiver", "a/b/c").code == 2
    suppressed = cluster.notif("ls", "-n", cluster.namespace, "--phase", "Suppressed")
    assert "routed" in suppressed.out


@pytest.mark.check("cli-31")
def test_route_test_shows_receivers_and_takes_expectations_about_them(
    cluster: Cluster, tmp_path: Path
) -> None:
    rules, tests = tmp_path / "rules.yaml", tmp_path / "tests.yaml"
    rules.write_text(
        "route: {receiver: a}\n"
        "receivers: [{name: a, channels: [log], receiverRef: {name: on-call, namespace: platform}}]",
        "utf-8",
    )
    shown = cluster.notif("route", "test", "--rules", str(rules), "--labels", "a=b")
    assert "log, platform/on-call" in shown.out
    tests.write_text("tests: [{labels: {}, channels: [log, platform/on-call]}]", "utf-8")
    assert cluster.notif("route", "test", "--rules", str(rules), "--file", str(tests)).code == 0
    tests.write_text("tests: [{labels: {}, channels: [log, platform/other]}]", "utf-8")
    result = cluster.notif("route", "test", "--rules", str(rules), "--file", str(tests))
    assert (result.code, "expected log, platform/other, got log, platform/on-call" in result.out) == (1, True)


@pytest.mark.check("cli-32")
def test_receivers_are_listed_with_their_health(cluster: Cluster) -> None:
    cluster.create_receiver(
        "checkout",
        SLACK,
        status=status(
            healthy="False",
            reason="CircuitOpen",
            lastSuccessTime="2026-03-01T12:00:00Z",
            consecutiveFailures=7,
            circuit={"state": "Open"},
        ),
        annotations={"kubernaut.ai/is-default-receiver": "true"},
    )
    cluster.create_receiver("fresh", SLACK)
    for number in range(30):
        cluster.create_receiver(f"more-{number:02}", SLACK)
    result = cluster.notif("receivers", "-n", cluster.namespace)
    header, first, second, *others = result.out.splitlines()
    assert header.split()[:3] == ["NAME", "TYPE", "DEFAULT"]
    assert re.split(" {2,}", first)[:6] == [
        "checkout",
        "slack",
        "yes",
        "True",
        "False (CircuitOpen)",
        re.split(" {2,}", first)[5],
    ]
    assert re.split(" {2,}", first)[6:] == ["7", "Open"]
    assert (second.split()[0], len(others)) == ("fresh", 30)
    everywhere = cluster.notif("receivers", "-A")
    assert (everywhere.out.split()[0], cluster.namespace in everywhere.out) == ("NAMESPACE", True)
    names = cluster.notif("receivers", "-n", cluster.namespace, "-o", "name").out.split()
    assert (len(names), names[0]) == (32, "notificationreceiver.kubernaut.ai/checkout")
    assert (
        len(json.loads(cluster.notif("receivers", "-n", cluster.namespace, "-o", "json").out)["items"]) == 32
    )


@pytest.mark.check("cli-33")
def test_receiver_is_shown_with_conditions_replicas_and_users(cluster: Cluster) -> None:
    replica = {
        "name": "operator-a",
        "updated": "2026-03-01T12:00:00Z",
        "consecutiveFailures": 3,
        "lastError": "503",
    }
    cluster.create_receiver(
        "checkout",
        {
            **SLACK,
            "description": "The checkout team",
            "allowedNamespaces": {"from": "Selector", "selector": {"matchLabels": {"tier": "prod"}}},
            "rateLimit": {"count": 5, "period": "1m"},
        },
        status=status(
            replicas=[replica], lastTest={"requestedAt": "t", "outcome": "Failed", "message": "401"}
        ),
    )
    shown = cluster.notif("receivers", f"{cluster.namespace}/checkout").out
    for part in (
        "The checkout team",
        "namespaces with the labels tier=prod",
        "5 messages in 1m; what exceeds it is delayed",
        "ResolvedRefs is True",
        "operator-a",
        "Failed, requested t: 401",
    ):
        assert part in shown, part
    absent = cluster.notif("receivers", "absent", "-n", cluster.namespace)
    assert (absent.code, absent.err) == (
        1,
        f"notif: there is no receiver absent in namespace {cluster.namespace}\n",
    )
    assert cluster.notif("receivers", "a/b/c").code == 2


@pytest.mark.check("cli-34")
@pytest.mark.parametrize(("outcome", "code"), [("Succeeded", 0), ("Failed", 1)])
def test_test_of_a_receiver_ends_with_its_result(cluster: Cluster, outcome: str, code: int) -> None:
    cluster.create_receiver("checkout", SLACK, status=status())
    process = subprocess.Popen(
        [*COMMAND, "test", "checkout", "-n", cluster.namespace, "--wait", "--timeout", "30s"],
        env=cluster.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    requested = eventually(lambda: requested_test(cluster), bool, within=30)
    answer = {"requestedAt": requested, "outcome": outcome, "message": "The answer"}
    cluster.report("checkout", status(lastTest=answer))
    out, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (code, "")
    assert f"{outcome}  The answer" in out
    assert datetime.fromisoformat(requested).tzinfo is not None


def requested_test(cluster: Cluster) -> str:
    annotations = cluster.read("checkout", RECEIVER_PLURAL)["metadata"].get("annotations") or {}
    return annotations.get("kubernaut.ai/test-requested-at", "")


@pytest.mark.check("cli-35")
def test_request_of_a_test_is_later_than_the_last_one(cluster: Cluster) -> None:
    answer = {"requestedAt": "2099-01-01T00:00:00Z", "outcome": "Succeeded", "message": "m"}
    cluster.create_receiver("checkout", SLACK, status=status(lastTest=answer))
    result = cluster.notif("test", "checkout", "-n", cluster.namespace)
    assert (result.code, result.out) == (0, "notificationreceiver.kubernaut.ai/checkout test requested\n")
    assert requested_test(cluster) == "2099-01-01T00:00:00.001000Z"


@pytest.mark.check("cli-36")
def test_test_that_nobody_answers_has_an_exit_code_of_its_own(cluster: Cluster, tmp_path: Path) -> None:
    cluster.create_receiver("checkout", SLACK)
    late = cluster.notif("test", "checkout", "-n", cluster.namespace, "--wait", "--timeout", "1s")
    assert (late.code, late.err.count("\n")) == (4, 1)
    assert "check that it runs and serves receivers" in late.err
    denied = cluster.notif(
        "test", "checkout", "-n", cluster.namespace, kubeconfig=cluster.user(tmp_path, READ_ALL)
    )
    assert (denied.code, "may not patch notificationreceivers.kubernaut.ai" in denied.err) == (3, True)


@pytest.mark.check("cli-42")
def test_render_shows_what_a_receiver_would_get(cluster: Cluster, tmp_path: Path) -> None:
    core = client.CoreV1Api(cluster.api)
    secret = {
        "metadata": {"name": "hook", "labels": {SECRET_LABEL: "true"}},
        "stringData": {"url": "https://hooks.example.com/not-for-readers"},
    }
    core.create_namespaced_secret(cluster.namespace, secret)
    templates = {"subject": "{{ notification.subject | upper }}", "body": "From {{ receiver.name }}"}
    core.create_namespaced_config_map(cluster.namespace, {"metadata": {"name": "texts"}, "data": templates})
    cluster.create_receiver("checkout", {**SLACK, "template": {"configMapRef": {"name": "texts"}}})
    file = tmp_path / "order.yaml"
    file.write_text(
        "apiVersion: kubernaut.ai/v1alpha1\nkind: NotificationRequest\nmetadata: {name: order}\n"
        "spec: {type: simple, priority: high, subject: Checkout is down, body: b}",
        "utf-8",
    )
    rules = READ_ALL, {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]}
    reader = cluster.user(tmp_path, *rules)
    command = ("render", "-f", str(file), "-n", cluster.namespace, "-o", "json", "--receiver")
    result = cluster.notif(*command, "checkout", kubeconfig=reader)
    assert (result.code, result.err) == (0, "")
    ((only,),) = (json.loads(result.out)["rendered"],)
    assert (only["target"], only["contentType"]) == ("slack/checkout", "application/json")
    assert only["body"]["text"] == "CHECKOUT IS DOWN"
    assert f"From {cluster.namespace}/checkout" in json.dumps(only["body"])
    assert "not-for-readers" not in result.out
    absent = cluster.notif(*command, "absent", kubeconfig=reader)
    assert (absent.code, absent.err) == (
        1,
        f"notif: there is no receiver absent in namespace {cluster.namespace}\n",
    )
    assert cluster.all() == []
