"""`notif check` and `notif version` against an API server in memory, and what each check says of objects."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from notification_cli.clock import now
from notification_cli.views import checks
from notification_cli.views.checks import Finding, Result
from notification_contract import __version__, crds, names
from notification_domain.json_values import format_time
from notification_runtime.leadership.lease import LABELS
from tests.unit.cli.api_server import ApiServer, CommandLine
from tests.unit.cli.test_command_line import run_here

HOME = "notification-system"
CRDS = "customresourcedefinitions"
METRICS = b"HTTP/1.1 200 OK\r\nContent-Length: 27\r\n\r\nkubernaut_notification_up 1"
ADMISSION = {"app.kubernetes.io/part-of": "notification-platform", "app.kubernetes.io/component": "admission"}


def deployment(
    *, ready: int = 2, updated: int = 2, tag: str = __version__, labels: dict[str, str] | None = None
) -> dict[str, Any]:
    container = {"name": "operator", "image": f"registry.example:5000/a/operator:{tag}@sha256:{64 * 'a'}"}
    return {
        "metadata": {"name": names.OPERATOR, "namespace": HOME, "generation": 3, "labels": labels or {}},
        "spec": {
            "replicas": 2,
            "template": {"spec": {"containers": [{"name": "x", "image": "y"}, container]}},
        },
        "status": {"readyReplicas": ready, "updatedReplicas": updated, "observedGeneration": 3},
    }


def established(definition: dict[str, Any]) -> dict[str, Any]:
    return {**definition, "status": {"conditions": [{"type": "Established", "status": "True"}]}}


def lease(age: float = 1.0, *, name: str = names.LEASE, shards: str = "1", **spec: Any) -> dict[str, Any]:
    renewed = format_time(now() - timedelta(seconds=age))
    held = {"holderIdentity": "operator-a", "leaseDurationSeconds": 10, "renewTime": renewed, **spec}
    annotations = {names.SHARDS_ANNOTATION: shards}
    meta = {"name": name, "namespace": HOME, "labels": LABELS, "annotations": annotations}
    return {"metadata": meta, "spec": held}


def installed() -> ApiServer:
    """Return an API server with the platform as it should be."""
    server = ApiServer(answer=METRICS)
    server.objects["/version"] = {"gitVersion": "v1.35.0"}
    for definition in (crds.notification_request(), crds.notification_receiver()):
        server.add(CRDS, established(definition), api="apiextensions.k8s.io/v1")
    server.add("deployments", deployment(), api="apps/v1")
    server.add("leases", lease(), api="coordination.k8s.io/v1")
    for kind, spec in (("policies", {}), ("policybindings", {"policyName": "notification-requests"})):
        obj = {"metadata": {"name": "notification-requests", "labels": ADMISSION}, "spec": spec}
        server.add(f"validatingadmission{kind}", obj, api="admissionregistration.k8s.io/v1")
    service = {"selector": {"app": "operator"}, "ports": [{"name": "metrics", "targetPort": 9090}]}
    server.add(
        "services", {"metadata": {"name": names.OPERATOR, "namespace": HOME}, "spec": service}, api="v1"
    )
    pod = {
        "metadata": {"name": "operator-a", "namespace": HOME, "labels": {"app": "operator"}},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]},
    }
    server.add("pods", pod, api="v1")
    return server


@pytest.fixture
def server() -> ApiServer:
    return installed()


async def test_check_of_a_good_installation_passes(notif: CommandLine, server: ApiServer) -> None:
    code, out, err = await notif("check")
    assert out.splitlines() == [
        "✔ kubernetes  dev runs v1.35.0",
        "✔ notificationrequests.kubernaut.ai  v1alpha1 is served, with the fields that notif knows",
        "✔ notificationreceivers.kubernaut.ai  v1alpha1 is served, with the fields that notif knows",
        "- notificationsources.kubernaut.ai  it is not installed: the platform has no gateway",
        f"✔ operator  2 of 2 replicas are ready, image {checks.image_of(deployment())}",
        f"✔ versions  notif {__version__}, operator {__version__}",
        "✔ leader  operator-a holds the Lease",
        "✔ admission policies  1 are bound",
        "✔ metrics  operator-a serves /metrics",
        "✔ sources  no source has messages that only the operator's log gets",
    ]
    assert (code, err) == (0, "notif: checks: 9 passed, 0 failed, 1 not made\n")
    assert server.forwarded == ["GET /metrics HTTP/1.1"]
    paths = [each.path for each in server.requests]
    assert len(paths) == len(set(paths)), "nothing is read twice"


async def test_check_of_a_broken_installation_names_each_remedy(
    notif: CommandLine, server: ApiServer
) -> None:
    server.objects = {"/version": {"gitVersion": "v1.35.0"}}
    server.add("deployments", deployment(ready=1, tag="9.1.0"), api="apps/v1")
    server.add("leases", lease(age=60), api="coordination.k8s.io/v1")
    code, out, err = await notif("check")
    bad = [line for line in out.splitlines() if line.startswith("✗")]
    assert code == 1
    assert (
        bad[0]
        == "✗ notificationrequests.kubernaut.ai  it is not installed; install the platform: docs/install.md"
    )
    assert bad[2].startswith(
        "✗ operator  1 of 2 replicas are ready; see kubectl describe pods -n notification-system"
    )
    assert bad[3] == f"✗ versions  notif {__version__}, operator 9.1.0; upgrade notif"
    assert bad[4].startswith("✗ leader  operator-a renewed the Lease 60s ago; see the runbook")
    assert "there is no Service notification-operator" in bad[5]
    assert err == "notif: checks: 2 passed, 6 failed, 2 not made\n"
    code, out, _ = await notif("check", "-o", "json", "--operator-namespace", "x")
    operator = json.loads(out)["checks"][4]
    assert (code, operator["check"], operator["result"]) == (1, "operator", "Failed")


async def test_check_names_sources_whose_messages_only_the_log_gets(
    notif: CommandLine, server: ApiServer
) -> None:
    for name, status in (("alerts", "False"), ("ci", "True"), ("nightly", "False")):
        routed = {"conditions": [{"type": "Routed", "status": status}]}
        meta = {"name": name, "namespace": HOME}
        server.add("notificationsources", {"metadata": meta, "spec": {}, "status": routed})
    code, out, _ = await notif("check")
    assert code == 1
    logged = f"only the operator's log gets the messages of {HOME}/alerts, {HOME}/nightly"
    assert out.splitlines()[-1] == f"✗ sources  {logged}; set spec.receiverRefs, or add a routing rule"


async def test_check_leaves_out_what_the_user_may_not_read(notif: CommandLine, server: ApiServer) -> None:
    server.denied = {
        "apiextensions",
        "deployments",
        "leases",
        "admissionregistration",
        "portforward",
        "notificationsources",
    }
    code, out, err = await notif("check")
    assert (code, err) == (0, "notif: checks: 1 passed, 0 failed, 9 not made\n")
    assert out.count("; ask an administrator to run notif check") == 9
    rows = json.loads((await notif("check", "-o", "json"))[1])["checks"]
    assert {each["result"] for each in rows} == {"Passed", "Skipped"}


async def test_version_shows_client_and_server(notif: CommandLine, server: ApiServer) -> None:
    assert (await notif("version"))[1].splitlines() == [
        f"Client Version: {__version__}",
        f"Server Version: {__version__}",
        f"Server Image: {checks.image_of(deployment())}",
        "Kubernetes Version: v1.35.0",
    ]
    value = json.loads((await notif("version", "-o", "json"))[1])
    assert value["client"] == {"version": __version__, "apiVersion": "kubernaut.ai/v1alpha1"}
    assert (value["server"]["version"], value["server"]["kubernetes"]) == (__version__, "v1.35.0")
    code, _, err = await notif("version", "--operator-namespace", "absent")
    assert (code, "there is no Deployment notification-operator in namespace absent; name" in err) == (
        1,
        True,
    )
    server.denied = {"deployments"}
    code, out, err = await notif("version")
    assert (code, out, err.count("\n")) == (3, f"Client Version: {__version__}\n", 1)


def test_version_of_the_client_needs_no_cluster() -> None:
    assert run_here("version", "--client") == (0, f"Client Version: {__version__}\n", "")
    assert json.loads(run_here("version", "--client", "-o", "json")[1])["client"]["version"] == __version__
    code, out, err = run_here("version")
    assert (code, out) == (3, f"Client Version: {__version__}\n")
    assert "there is no kubeconfig" in err


def summary(finding: Finding) -> tuple[Result, str, bool]:
    return finding.result, finding.message, bool(finding.hint)


def test_crd_of_another_version_is_named() -> None:
    known, older, newer = (crds.notification_request() for _ in range(3))
    spec = older["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    for name in ("replayOf", "template"):
        del spec[name]
    spec = newer["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    spec["mood"] = {"type": "string"}
    assert summary(checks.crd_finding(established(older), known)) == (
        Result.FAILED,
        "it is older than notif: spec.replayOf, spec.replayOf.depth, spec.replayOf.name and 5 more are missing",
        True,
    )
    assert summary(checks.crd_finding(established(newer), known)) == (
        Result.PASSED,
        "it is newer than notif",
        True,
    )
    assert checks.crd_finding(known, known).message == "it is not established"
    ending = established(known)
    ending["status"]["conditions"].append({"type": "Terminating", "status": "True"})
    assert checks.crd_finding(ending, known).message == "it is being deleted"


def test_operator_that_does_not_run_as_wanted_is_named() -> None:
    scaled = deployment()
    scaled["spec"]["replicas"] = 0
    assert "scaled to 0 replicas" in checks.deployment_finding(scaled).message
    assert (
        checks.deployment_finding(deployment(updated=1)).message
        == "1 of 2 replicas have the current revision"
    )


@pytest.mark.parametrize(
    ("client", "server", "result"),
    [
        ("0.1.0", "0.1.7", Result.PASSED),
        ("0.1.0", "v0.1.0", Result.PASSED),
        ("0.2.0", "0.1.9", Result.FAILED),
        ("0.9.0", "0.10.0", Result.FAILED),
        ("0.1.0", "latest", Result.SKIPPED),
        ("0.1.0", "", Result.SKIPPED),
    ],
)
def test_versions_fit_if_their_minor_version_is_the_same(client: str, server: str, result: Result) -> None:
    finding = checks.versions_finding(client, server)
    assert finding.result is result
    if result is Result.FAILED:
        assert finding.hint == ("upgrade the platform" if client == "0.2.0" else "upgrade notif")


def test_version_is_that_of_the_label_then_of_the_tag() -> None:
    assert checks.version_of(deployment(tag="1.2.3")) == "1.2.3"
    assert checks.version_of(deployment(tag="x", labels={checks.VERSION_LABEL: "2.0.0"})) == "2.0.0"
    untagged = deployment()
    containers = untagged["spec"]["template"]["spec"]["containers"]
    containers[1]["image"] = f"registry.example:5000/operator@sha256:{64 * 'a'}"
    assert checks.version_of(untagged) == checks.version_of({}) == ""


def test_lease_without_a_holder_or_a_renewal_is_no_leader() -> None:
    assert checks.leader_finding(lease(holderIdentity=""), now()).message == "no replica holds the Lease"
    silent = checks.leader_finding(lease(renewTime=None), now())
    assert silent.message == "operator-a renewed the Lease never"
    assert checks.leader_finding(lease(age=5), now()).result is Result.PASSED


def shard(number: int, age: float = 1.0, **spec: Any) -> dict[str, Any]:
    """Return the Lease of one of three shards."""
    name = names.LEASE if not number else f"{names.LEASE}-shard-{number}"
    return lease(age, name=name, shards="3", **spec)


def test_every_shard_has_a_leader_or_is_named() -> None:
    member = lease(99, name=f"{names.LEASE}-member-0123456789", shards="3")
    dropped = lease(99, name=f"{names.LEASE}-shard-3", shards="4", holderIdentity="")
    renamed = lease(99, name="old", holderIdentity="")
    good = [shard(0), shard(1, holderIdentity="operator-b"), shard(2), member, dropped, renamed]
    found = checks.leases_finding(good, now())
    assert summary(found) == (Result.PASSED, "operator-a and operator-b hold the Leases of 3 shards", False)
    silent = checks.leases_finding([*good[:2], shard(2, 60)], now())
    assert summary(silent) == (
        Result.FAILED,
        "1 of 3 shards has no leader: shard 2: operator-a renewed the Lease 60s ago",
        True,
    )
    absent = checks.leases_finding([shard(0), shard(2, holderIdentity="")], now())
    assert absent.message == "2 of 3 shards have no leader: shard 1: no replica holds the Lease"
    for annotation in ("", "x", "1" * 5000, "0"):
        single = checks.leases_finding([lease(shards=annotation)], now())
        assert single.message == "operator-a holds the Lease"
    assert checks.leases_finding([member], now()).result is Result.SKIPPED


async def test_check_names_a_shard_without_a_leader(notif: CommandLine, server: ApiServer) -> None:
    for each in (shard(0), shard(1, 60), shard(2)):
        server.add("leases", each, api="coordination.k8s.io/v1")
    code, out, _ = await notif("check")
    (line,) = [line for line in out.splitlines() if "leader" in line]
    assert (code, line[:2]) == (1, "✗ ")


def test_policy_that_checks_nothing_is_named() -> None:
    policy = {"metadata": {"name": "a"}}
    assert summary(checks.policies_finding([], [])) == (Result.SKIPPED, "there are none", True)
    assert "a is not bound" in checks.policies_finding([policy], []).message
    wrong = {**policy, "status": {"typeChecking": {"expressionWarnings": [{"warning": "w"}]}}}
    bindings = [{"spec": {"policyName": "a"}}]
    assert "do not fit the CRDs" in checks.policies_finding([wrong], bindings).message
    assert checks.policies_finding([policy], bindings).result is Result.PASSED
