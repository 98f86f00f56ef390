"""The command line against a real API server."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from notification_cli.views.lint import files as lint
from notification_contract import crds
from notification_contract.kinds.channel_names import ReceiverType
from notification_contract.names import RECEIVER_PLURAL
from tests.cli.cluster import COMMAND
from tests.harness.eventually import eventually
from tests.unit.operator.contract.kinds.specs import spec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.cli.cluster import Cluster

SENT = {"phase": "Sent", "message": "Successfully delivered to 1 channel(s)", "totalAttempts": 1}
FAILED = {"phase": "Failed", "message": "Not delivered; teams failed permanently", "totalAttempts": 1}
READ = {"apiGroups": ["kubernaut.ai"], "resources": ["notificationrequests"], "verbs": ["get", "list"]}


@pytest.mark.check("cli-01")
def test_sent_notification_is_listed_shown_and_explained(cluster: Cluster) -> None:
    sent = cluster.notif(
        "send", "-n", cluster.namespace, "-s", "Hello", "-b", "-", "--to", "log", text="from a pipe"
    )
    assert (sent.code, sent.err) == (0, "")
    name = sent.out.split()[0].partition("/")[2]
    listed = cluster.notif("ls", "-n", cluster.namespace)
    assert [line.split()[0] for line in listed.out.splitlines()] == ["NAME", name]
    shown = cluster.notif("show", name, "-n", cluster.namespace)
    assert (shown.code, "Waiting" in shown.out) == (0, True)
    why = cluster.notif("why", name, "-n", cluster.namespace)
    assert "starts these attempts at once: log (attempt 1)" in why.out
    stored = json.loads(cluster.notif("ls", "-n", cluster.namespace, "-o", "json").out)["items"][0]
    assert stored["spec"]["body"] == "from a pipe"


@pytest.mark.check("cli-02")
def test_repeated_key_creates_nothing_and_says_so(cluster: Cluster) -> None:
    command = ("send", "-n", cluster.namespace, "-s", "Once", "--once", "build 7")
    first, second = cluster.notif(*command), cluster.notif(*command)
    assert (first.code, second.code) == (0, 0)
    assert "created" in first.out
    assert "exists already for the key 'build 7'; nothing was created" in second.out
    assert len(cluster.notif("ls", "-n", cluster.namespace, "-o", "name").out.splitlines()) == 1


@pytest.mark.check("cli-03")
def test_pages_together_are_the_whole_list(cluster: Cluster) -> None:
    for number in range(45):
        cluster.create(f"n{number:02}", status=FAILED if number % 9 == 0 else SENT)
    names = cluster.notif("ls", "-n", cluster.namespace, "-o", "name").out.split()
    assert [name.partition("/")[2] for name in names] == [f"n{number:02}" for number in range(45)]
    for limit, count in ((0, 45), (1, 1), (25, 25), (99, 45)):
        result = cluster.notif("ls", "-n", cluster.namespace, "-o", "name", "--limit", str(limit))
        assert len(result.out.split()) == count
    failed = cluster.notif("ls", "-n", cluster.namespace, "-o", "name", "--phase", "Failed")
    assert len(failed.out.split()) == 5
    some = cluster.notif(
        "ls", "-n", cluster.namespace, "-o", "yaml", "--phase", "Failed", "--phase", "Sending"
    )
    assert len(yaml.safe_load(some.out)["items"]) == 5
    recent = cluster.notif("ls", "-n", cluster.namespace, "-o", "name", "--since", "1h", "--limit", "3")
    assert len(recent.out.split()) == 3
    figures = json.loads(cluster.notif("top", "-n", cluster.namespace, "-o", "json").out)["namespaces"]
    assert [each["phases"] for each in figures] == [{"Failed": 5, "Sent": 40}]


@pytest.mark.check("cli-04")
def test_reader_that_closes_the_pipe_ends_the_list_quietly(cluster: Cluster) -> None:
    for number in range(30):
        cluster.create(f"n{number:02}", subject="s" * 500)
    command = " ".join((*COMMAND, "ls", "-n", cluster.namespace, "|", "head", "-1"))
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        env=cluster.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("NAME")


@pytest.mark.check("cli-05")
def test_missing_right_is_named(cluster: Cluster, tmp_path: Path) -> None:
    reader = cluster.user(tmp_path, READ)
    cluster.create("a")
    assert cluster.notif("ls", "-n", cluster.namespace, kubeconfig=reader).code == 0
    everywhere = cluster.notif("ls", "-A", kubeconfig=reader)
    assert everywhere.code == 3
    assert (
        "may not list notificationrequests.kubernaut.ai in all namespaces; use -n NAMESPACE" in everywhere.err
    )
    denied = cluster.notif("send", "-n", cluster.namespace, "-s", "x", kubeconfig=reader)
    assert denied.code == 3
    assert f"may not create notificationrequests.kubernaut.ai in namespace {cluster.namespace}" in denied.err
    assert denied.err.count("\n") == 1


@pytest.mark.check("cli-06")
def test_unreadable_rules_are_named_and_the_rest_is_shown(cluster: Cluster, tmp_path: Path) -> None:
    reader = cluster.user(tmp_path, READ)
    cluster.create("routed")
    shown = cluster.notif("show", "routed", "-n", cluster.namespace, kubeconfig=reader)
    assert shown.code == 0
    assert "About routed" in shown.out
    assert "may not get configmaps in namespace notification-system" in shown.err
    why = cluster.notif("why", "routed", "-n", cluster.namespace, kubeconfig=reader)
    assert (why.code, "they cannot be read" in why.out) == (1, True)


@pytest.mark.check("cli-07")
def test_expired_credentials_are_one_line(cluster: Cluster, tmp_path: Path) -> None:
    expired = cluster.with_token(tmp_path, "expired")
    for command in (("ls",), ("show", "a"), ("send", "-s", "x"), ("top",)):
        result = cluster.notif(*command, kubeconfig=expired)
        assert (result.code, result.out, result.err.count("\n")) == (3, "", 1)
        assert "they may have expired; log in again" in result.err


@pytest.mark.check("cli-11")
def test_invalid_label_selector_is_wrong_usage(cluster: Cluster) -> None:
    for more in ((), ("--phase", "Failed")):
        result = cluster.notif("ls", "-l", "a b", *more)
        assert (result.code, "--selector: 'a b' is no requirement" in result.err) == (2, True)


@pytest.mark.check("cli-12")
def test_invalid_notification_is_a_negative_answer(cluster: Cluster) -> None:
    result = cluster.notif("send", "-n", cluster.namespace, "-s", "s" * 501)
    assert (result.code, result.err.count("\n"), "spec.subject: Too long" in result.err) == (1, 1, True)


@pytest.mark.check("cli-13")
def test_body_that_is_not_text_is_stored_readably(cluster: Cluster) -> None:
    command = [*COMMAND, "send", "-n", cluster.namespace, "-s", "x", "-b", "-", "-o", "json"]
    done = subprocess.run(
        command, env=cluster.environment(), input=b"a\xff\xed\xa0\x80b", capture_output=True, check=True
    )
    assert json.loads(done.stdout)["spec"]["body"].startswith("a\ufffd")


@pytest.mark.check("cli-14")
def test_absent_notification_is_a_negative_answer(cluster: Cluster) -> None:
    result = cluster.notif("show", "absent", "-n", cluster.namespace)
    assert (result.code, result.err) == (
        1,
        f"notif: there is no notification absent in namespace {cluster.namespace}\n",
    )


@pytest.mark.check("cli-15")
def test_cluster_without_the_crd_is_named(cluster: Cluster) -> None:
    cluster.remove_crd()
    try:
        for command in (("ls",), ("show", "a"), ("send", "-s", "x")):
            result = cluster.notif(*command)
            assert (result.code, result.err.count("\n")) == (3, 1)
            assert "CustomResourceDefinition notificationrequests.kubernaut.ai is not installed" in result.err
    finally:
        cluster.install_crd()


@pytest.mark.check("cli-16")
def test_older_crd_without_selectable_phases_is_read_whole(cluster: Cluster) -> None:
    older = crds.notification_request()
    del older["spec"]["versions"][0]["selectableFields"]
    cluster.remove_crd()
    cluster.install_crd(older)
    try:
        for number in range(30):
            cluster.create(f"n{number:02}", status=FAILED if number == 29 else SENT)
        result = cluster.notif(
            "ls", "-n", cluster.namespace, "--phase", "Failed", "-o", "name", "--limit", "1"
        )
        assert (result.code, result.out) == (0, "notificationrequest.kubernaut.ai/n29\n")
        assert "the CRD in this cluster is older" in result.err
    finally:
        cluster.remove_crd()
        cluster.install_crd()


@pytest.mark.check("cli-18")
@pytest.mark.parametrize(("status", "code"), [(SENT, 0), (FAILED, 1)])
def test_wait_ends_with_the_result_of_the_delivery(
    cluster: Cluster, status: Mapping[str, Any], code: int
) -> None:
    process = _waiting(cluster)
    name = eventually(lambda: _only_name(cluster), bool, within=30)
    obj: Any = cluster.objects.get_namespaced_custom_object(
        "kubernaut.ai", "v1alpha1", cluster.namespace, "notificationrequests", name
    )
    cluster.objects.replace_namespaced_custom_object_status(
        "kubernaut.ai", "v1alpha1", cluster.namespace, "notificationrequests", name, {**obj, "status": status}
    )
    out, _ = process.communicate(timeout=30)
    assert (process.returncode, status["message"] in out) == (code, True)


@pytest.mark.check("cli-19")
def test_notification_that_is_deleted_during_the_wait_is_named(cluster: Cluster) -> None:
    process = _waiting(cluster)
    name = eventually(lambda: _only_name(cluster), bool, within=30)
    cluster.delete(name)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (1, f"notif: {name} was deleted before its delivery ended\n")


@pytest.mark.check("cli-20")
def test_wait_that_takes_too_long_has_an_exit_code_of_its_own(cluster: Cluster) -> None:
    result = cluster.notif("send", "-n", cluster.namespace, "-s", "x", "--wait", "--timeout", "1s")
    assert (result.code, "is Pending after 1 s" in result.err) == (4, True)


def _waiting(cluster: Cluster) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, "send", "-n", cluster.namespace, "-s", "x", "--wait", "--timeout", "30s"],
        env=cluster.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _only_name(cluster: Cluster) -> str:
    listing: Any = cluster.objects.list_namespaced_custom_object(
        "kubernaut.ai", "v1alpha1", cluster.namespace, "notificationrequests"
    )
    return next((obj["metadata"]["name"] for obj in listing["items"]), "")


@pytest.mark.check("cli-21")
def test_watch_shows_what_is_created_changed_and_deleted(cluster: Cluster) -> None:
    cluster.create("first")
    process = subprocess.Popen(
        [*COMMAND, "ls", "-n", cluster.namespace, "-w"],
        env={**cluster.environment(), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        assert [next(lines).split()[0] for _ in range(2)] == ["NAME", "first"]
        cluster.create("second", status=SENT)
        cluster.delete("first")
        assert [_row(next(lines)) for _ in range(3)] == [
            ("second", "Pending"),
            ("second", "Sent"),
            ("first", "(deleted)"),
        ]
    finally:
        process.kill()
        process.communicate()


def _row(line: str) -> tuple[str, str]:
    cells = line.split()
    return cells[0], cells[3]


@pytest.mark.check("cli-22")
def test_route_test_reads_the_rules_of_the_cluster(cluster: Cluster, tmp_path: Path) -> None:
    from kubernetes import client  # noqa: PLC0415 - only this test needs a ConfigMap

    rules = "route: {receiver: a}\nreceivers: [{name: a, channels: [log]}]"
    body = {"metadata": {"name": "notification-routing-config"}, "data": {"routing.yaml": rules}}
    client.CoreV1Api(cluster.api).create_namespaced_config_map(cluster.namespace, body)
    where = ("--rules-namespace", cluster.namespace)
    assert "log" in cluster.notif("route", "test", "--labels", "a=b", *where).out
    file = tmp_path / "routes_test.yaml"
    file.write_text("tests: [{labels: {a: b}, channels: [log]}, {labels: {}, channels: [slack]}]", "utf-8")
    result = cluster.notif("route", "test", "--file", str(file), *where)
    assert (result.code, "1 of 2 expectations hold" in result.err) == (1, True)


VALID: dict[str, Any] = {
    "apiVersion": "kubernaut.ai/v1alpha1",
    "kind": "NotificationRequest",
    "metadata": {"name": "a"},
    "spec": {"type": "simple", "priority": "high", "subject": "s", "body": "b"},
}


def _variants() -> Iterator[dict[str, Any]]:
    """Yield objects that are valid, or not, in one respect each."""
    specs: tuple[dict[str, Any], ...] = (
        {},
        {"priority": "urgent"},
        {"priority": None},
        {"subject": ""},
        {"subject": "s" * 500},
        {"subject": "s" * 501},
        {"subject": 5},
        {"subject": None},
        {"unknown": 1},
        {"channels": []},
        {"channels": ["log", "log"]},
        {"channels": ["pager"]},
        {"channels": "log"},
        {"retentionDays": 0},
        {"retentionDays": 90},
        {"retentionDays": 91},
        {"retentionDays": 1.0},
        {"retentionDays": 1.5},
        {"retentionDays": True},
        {"retentionDays": "7"},
        {"retryPolicy": {}},
        {"retryPolicy": {"maxAttempts": 11}},
        {"retryPolicy": {"maxBackoffSeconds": 59}},
        {"retryPolicy": {"unknown": 1}},
        {"metadata": {"a": "b"}},
        {"metadata": {"a": 1}},
        {"actionLinks": [{"service": "s", "url": "u", "label": "l"}]},
        {"actionLinks": [{"service": "s", "url": "u"}]},
        {"recipients": [{}]},
        {"recipients": [{"email": "a@example.com", "fax": "1"}]},
        {"recipients": {}},
        {"remediationRequestRef": {"name": "r", "uid": 1}},
    )
    specs += (
        {"receiverRefs": [{"name": "a"}, {"name": "b", "namespace": "c"}]},
        {"receiverRefs": [{"name": "A"}]},
        {"receiverRefs": [{"name": f"r{number}"} for number in range(21)]},
        {"receiverRefs": [{"name": f"r{number}"} for number in range(20)], "channels": ["log"]},
        {"dedupKey": "k" * 255, "event": "Resolve", "format": "Markdown"},
        {"dedupKey": "k" * 256},
        {"template": {"configMapKeyRef": {"name": "texts", "key": "incident.j2"}}},
        {"template": {"configMapKeyRef": {"name": "texts"}}},
        {"template": {"configMapKeyRef": {"name": "Texts", "key": "incident"}}},
        {"template": {"configMapKeyRef": {"name": "texts", "key": "a/b"}}},
        {"template": {"inline": {"body": "x"}}},
        {"template": {}},
        {"event": "resolve"},
        {"notBefore": "2026-03-01T12:00:00Z", "deliverBefore": "2026-03-01T12:00:01Z"},
        {"notBefore": "2026-03-01T12:00:00Z", "deliverBefore": "2026-03-01T13:00:00+01:00"},
        {"notBefore": "soon"},
        {"retryPolicy": {"initialBackoffSeconds": 300, "maxBackoffSeconds": 60}},
        {"retryPolicy": {"maxBackoffSeconds": 60}},
        {"metadata": {"n" * 254: "v"}},
    )
    for each in specs:
        yield {**VALID, "spec": {**VALID["spec"], **each}}
    for missing in ("type", "priority", "subject", "body"):
        yield {**VALID, "spec": {key: value for key, value in VALID["spec"].items() if key != missing}}
    for meta in (
        {"name": "A"},
        {"name": "a." + "b" * 251},
        {"name": "a" * 254},
        {"name": "-a"},
        {"name": "a", "labels": {"kubernaut.ai/severity": "critical"}},
        {"name": "a", "labels": {"x": "a b"}},
        {"name": "a", "labels": {"x/y/z": "a"}},
        {"name": "a", "labels": {"x": "a" * 64}},
        {"name": "a", "labels": {"x": ""}},
        {"name": "a", "labels": {"x" * 64: "a"}},
    ):
        yield {**VALID, "metadata": meta}


@pytest.mark.check("cli-23")
def test_lint_and_the_api_server_agree(cluster: Cluster) -> None:
    verdicts = {json.dumps(obj): not list(lint.notification(obj)) for obj in _variants()}
    expected = {text: cluster.accepts(json.loads(text)) for text in verdicts}
    assert verdicts == expected
    assert len(set(expected.values())) == 2


@pytest.mark.check("cli-24")
def test_lint_and_the_api_server_agree_about_receivers(cluster: Cluster) -> None:
    """What the API server refuses, lint refuses; lint alone knows what no schema can express."""
    head = {"apiVersion": "kubernaut.ai/v1alpha1", "kind": "NotificationReceiver"}
    changes: tuple[tuple[str, str, dict[str, Any]], ...] = (
        *(("a", kind.value, {}) for kind in ReceiverType),
        ("a", "email", {"timeout": "121s"}),
        ("a", "email", {"email": {"host": "h", "from": "a@example.com"}}),
        ("a", "email", {"priorities": ["urgent"]}),
        ("a", "slack", {"fallback": {"name": "a"}}),
        ("a", "slack", {"fallback": {"name": "b", "after": "15m"}}),
        ("a", "slack", {"fallback": {"name": "b", "after": "Never", "also": True}}),
        ("a", "slack", {"fallback": {"name": "b", "after": "never"}}),
        ("a", "slack", {"slack": {}}),
        ("a", "slack", {"teams": {"urlSecretRef": {"name": "s"}}}),
        ("a", "slack", {"allowedNamespaces": {"from": "Selector"}}),
        ("a", "slack", {"rateLimit": {"count": 1, "period": "0s"}}),
        ("a", "slack", {"template": {}}),
        ("a", "slack", {"unknown": 1}),
        ("a" * 64, "slack", {}),
        ("A", "slack", {}),
    )
    variants = [
        {**head, "metadata": {"name": name}, "spec": {**spec(kind), **more}} for name, kind, more in changes
    ]
    verdicts = [not [p for each in lint.check([obj]) for p in each.problems] for obj in variants]
    assert verdicts == [cluster.accepts(obj, RECEIVER_PLURAL) for obj in variants]
    assert len(set(verdicts)) == 2


@pytest.mark.check("cli-43")
def test_incident_shows_its_notifications_and_what_each_target_got(cluster: Cluster) -> None:
    key = "checkout/eu,west=1"
    delivered = {**SENT, "targets": [{"name": "log", "state": "Delivered", "attempts": 1}]}
    cluster.create("z-trigger", status=delivered, dedupKey=key)
    cluster.create("a-resolve", dedupKey=key, event="Resolve")
    cluster.create("other", status=delivered, dedupKey="other")
    shown = cluster.notif("incident", key, "-n", cluster.namespace)
    assert (shown.code, shown.err) == (0, "")
    state, _, trigger, resolve = shown.out.splitlines()
    assert state == f"{key}  resolved"
    assert trigger.split()[2:] == ["Trigger", "z-trigger", "Sent", "log", "Delivered", "-"]
    assert resolve.split()[2:] == ["Resolve", "a-resolve", "Pending", "-", "-", "-"]
    absent = cluster.notif("incident", "absent", "-n", cluster.namespace)
    assert (absent.code, absent.out, absent.err.count("\n")) == (1, "", 1)
