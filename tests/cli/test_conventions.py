"""What users of kubectl expect, against a real API server: formats, completion, dry runs, and commands that change objects."""

from __future__ import annotations

import json
import subprocess
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from kubernetes import client

from notification_contract import __version__, names
from notification_runtime.leadership.lease import LABELS
from tests.cli.cluster import COMMAND
from tests.cli.test_receivers import SLACK, status
from tests.cli.test_replay import failed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cli.cluster import Cluster

OPEN = {"phase": "Retrying", "targets": [{"name": "log", "state": "Waiting", "attempts": 1}]}
POLICY = "notification-conventions"
ADMISSION = {"app.kubernetes.io/part-of": "notification-platform", "app.kubernetes.io/component": "admission"}


@pytest.mark.check("cli-49")
def test_lists_have_the_formats_and_the_order_of_kubectl(cluster: Cluster) -> None:
    for name, priority in (("a", "low"), ("b", "critical"), ("c", "high")):
        cluster.create(name, status=failed("log"), priority=priority)
    cluster.create_receiver("chat", SLACK, status=status())
    where = ("-n", cluster.namespace)
    by_priority = ("--sort-by", ".spec.priority")
    listed = cluster.notif("ls", *where, *by_priority, "-o", "json")
    assert [each["metadata"]["name"] for each in json.loads(listed.out)["items"]] == ["b", "c", "a"]
    wide = cluster.notif("ls", *where, "-o", "wide", "--no-headers", "--limit", "1", *by_priority)
    assert wide.out.split()[0] == "b"
    chat = yaml.safe_load(cluster.notif("receivers", "chat", *where, "-o", "yaml").out)
    assert chat["status"]["conditions"][0]["type"] == "Ready"
    top = json.loads(cluster.notif("top", *where, "-o", "json").out)
    assert top["namespaces"][0]["phases"]["Failed"] == 3


@pytest.mark.check("cli-50")
def test_completion_offers_names_with_the_right_to_list_them(cluster: Cluster, tmp_path: Path) -> None:
    cluster.create("order-1")
    cluster.create("order-2")
    cluster.create_receiver("chat", SLACK)
    where = f"-n {cluster.namespace}"
    assert completed(cluster, f"notif show {where} order") == ["order-1", "order-2"]
    assert completed(cluster, f"notif test {where} c") == ["chat"]
    assert completed(cluster, f"notif ls -n {cluster.namespace[:-2]}") == [cluster.namespace]
    nobody = cluster.user(tmp_path)
    assert completed(cluster, f"notif show {where} order", kubeconfig=nobody) == []


def completed(cluster: Cluster, line: str, *, kubeconfig: Path | None = None) -> list[str]:
    variables = {
        "_NOTIF_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(line.split(" ")) - 1),
    }
    environment = cluster.environment(kubeconfig) | variables
    done = subprocess.run(COMMAND, env=environment, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.check("cli-51")
def test_version_names_kubernetes_and_the_missing_operator(cluster: Cluster) -> None:
    result = cluster.notif("version", "--operator-namespace", cluster.namespace, "-o", "json")
    value = json.loads(result.out)
    assert (result.code, value["client"]["version"]) == (1, __version__)
    assert value["server"]["kubernetes"].startswith("v1.")
    assert f"there is no Deployment notification-operator in namespace {cluster.namespace}" in result.err


@pytest.mark.check("cli-52")
def test_check_finds_what_is_right_and_names_each_fault(cluster: Cluster, tmp_path: Path) -> None:
    with installation(cluster):
        result = cluster.notif("check", "--operator-namespace", cluster.namespace, "-o", "json")
    found = {each["check"]: each for each in json.loads(result.out)["checks"]}
    assert {name for name, each in found.items() if each["result"] == "Failed"} == {"operator", "metrics"}
    assert {name for name, each in found.items() if each["result"] == "Skipped"} == set()
    assert "1 of 2 replicas are ready" in found["operator"]["message"]
    assert all(each["hint"] for each in found.values() if each["result"] == "Failed")
    assert (result.code, result.err) == (1, "notif: checks: 8 passed, 2 failed, 0 not made\n")
    lines = cluster.notif("check", "--operator-namespace", cluster.namespace).out.splitlines()
    assert [line[0] for line in lines] == ["✔", "✔", "✔", "✔", "✗", "-", "-", "-", "✗", "✔"]
    nobody = cluster.user(tmp_path)
    denied = cluster.notif("check", "--operator-namespace", cluster.namespace, kubeconfig=nobody)
    assert (denied.code, denied.err) == (0, "notif: checks: 1 passed, 0 failed, 9 not made\n")


@contextmanager
def installation(cluster: Cluster) -> Iterator[None]:
    """What the checks look at: a Deployment that is not ready, a Lease, and an admission policy with its binding."""
    apps, leases = client.AppsV1Api(cluster.api), client.CoordinationV1Api(cluster.api)
    admission = client.AdmissionregistrationV1Api(cluster.api)
    container = {"name": "operator", "image": f"registry.example/operator:{__version__}"}
    labels = {"app": "operator"}
    deployment: dict[str, Any] = {
        "metadata": {"name": names.OPERATOR},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }
    apps.create_namespaced_deployment(cluster.namespace, deployment)
    state = {"status": {"replicas": 2, "readyReplicas": 1, "availableReplicas": 1, "updatedReplicas": 2}}
    apps.patch_namespaced_deployment_status(names.OPERATOR, cluster.namespace, state)
    held = {
        "holderIdentity": "operator-a",
        "leaseDurationSeconds": 60,
        "renewTime": datetime.now(UTC).isoformat(),
    }
    lease = {"metadata": {"name": names.LEASE, "labels": LABELS}, "spec": held}
    leases.create_namespaced_lease(cluster.namespace, lease)
    metadata = {"name": POLICY, "labels": ADMISSION}
    rule = {"apiGroups": [names.GROUP], "apiVersions": ["*"], "operations": ["CREATE"], "resources": ["none"]}
    policy = {"matchConstraints": {"resourceRules": [rule]}, "validations": [{"expression": "true"}]}
    admission.create_validating_admission_policy({"metadata": metadata, "spec": policy})
    binding = {"policyName": POLICY, "validationActions": ["Deny"]}
    admission.create_validating_admission_policy_binding({"metadata": metadata, "spec": binding})
    try:
        yield
    finally:
        admission.delete_validating_admission_policy_binding(POLICY)
        admission.delete_validating_admission_policy(POLICY)
        apps.delete_namespaced_deployment(names.OPERATOR, cluster.namespace)
        leases.delete_namespaced_lease(names.LEASE, cluster.namespace)


@pytest.mark.check("cli-53")
def test_dry_run_is_checked_by_the_api_server_and_stores_nothing(cluster: Cluster) -> None:
    where = ("-n", cluster.namespace)
    done = cluster.notif("send", *where, "-s", "x", "--name", "order", "--dry-run", "server", "-o", "json")
    obj = json.loads(done.out)
    assert (done.code, obj["status"]["phase"], obj["spec"]["retentionDays"]) == (0, "Pending", 7)
    refused = cluster.notif("send", *where, "-s", "s" * 501, "--dry-run", "server")
    assert (refused.code, "spec.subject: Too long" in refused.err) == (1, True)
    shown = cluster.notif(
        "send", *where, "-s", "x", "--retention-days", "2", "--dry-run", "client", "-o", "yaml"
    )
    assert cluster.all() == []
    sent = cluster.notif("send", "-f", "-", "--wait", "--timeout", "0s", text=shown.out)
    assert sent.code == 4
    assert [each["spec"]["retentionDays"] for each in cluster.all()] == [2]


@pytest.mark.check("cli-54")
def test_cancel_deletes_what_is_open_with_the_right_to_do_so(cluster: Cluster, tmp_path: Path) -> None:
    cluster.create("open", status=OPEN)
    cluster.create("over", status=failed("log"))
    where = ("-n", cluster.namespace)
    reader = cluster.user(
        tmp_path, {"apiGroups": [names.GROUP], "resources": [names.PLURAL], "verbs": ["get"]}
    )
    denied = cluster.notif("cancel", "open", "--yes", *where, kubeconfig=reader)
    assert (denied.code, "may not delete notificationrequests" in denied.err) == (3, True)
    assert cluster.notif("cancel", "open", *where).code == 2
    assert cluster.notif("cancel", "over", "--yes", *where).code == 1
    assert len(cluster.all()) == 2
    done = cluster.notif("cancel", "open", "--yes", *where)
    assert (done.code, done.out) == (0, "notificationrequest.kubernaut.ai/open cancelled\n")
    assert [each["metadata"]["name"] for each in cluster.all()] == ["over"]


@pytest.mark.check("cli-55")
def test_suspend_and_resume_change_a_receiver_once(cluster: Cluster) -> None:
    cluster.create_receiver("chat", SLACK, status=status())
    for command, state, generation in (
        ("suspend", True, 2),
        ("suspend", True, 2),
        ("resume", False, 3),
        ("resume", False, 3),
    ):
        assert cluster.notif(command, "chat", "-n", cluster.namespace).code == 0
        obj = cluster.read("chat", names.RECEIVER_PLURAL)
        assert (obj["spec"]["suspend"], obj["metadata"]["generation"]) == (state, generation)
