"""Group sources: the gateway as pods behind its Service, as senders in the cluster and administrators see it."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from notification_contract import names
from tests.harness.eventually import eventually, steadily
from tests.harness.gateway import HOME, Message
from tests.harness.readings import elapsed
from tests.harness.rights import Rights
from tests.harness.traffic import traffic
from tests.stack.test_permissions import RESOURCES
from tests.unit.gateway.test_hooks import EVENT, alert
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from tests.harness.cluster import Cluster, Object
    from tests.harness.gateway import Gateway
    from tests.harness.operator_under_test import OperatorUnderTest

pytestmark = pytest.mark.needs_pod

TIMES = 100
POSTS, PACE = 140, 0.05
"""A pod that is deleted serves for 5 s more; the last posts come after its end."""
EVERY, GRACE = 10, 5
TOLD_WITHIN = 5.0
"""Seconds after the grace within which a missing heartbeat is told."""
BUSY = 3.0
"""Seconds that a busy machine may add to that."""
ROTATIONS, BETWEEN = 2, 15
"""Rotations, and the messages before and after each of them."""

READ = {"get", "list", "watch"}
EVERYWHERE = {
    (names.GROUP, names.PLURAL, ""): {"get", "create"},
    ("authentication.k8s.io", "tokenreviews", ""): {"create"},
    ("authorization.k8s.io", "subjectaccessreviews", ""): {"create"},
}
"""What the gateway's account may do in every namespace."""
AT_HOME = {
    **EVERYWHERE,
    (names.GROUP, names.PLURAL, ""): {"get", "create", "list"},
    (names.GROUP, names.SOURCE_PLURAL, ""): READ,
    (names.GROUP, names.SOURCE_PLURAL, "status"): {"update"},
    ("", "secrets", ""): {"get"},
    ("coordination.k8s.io", "leases", ""): {"list"},
}
"""What it may do in its own namespace."""


def events(found: list[Object]) -> list[str]:
    """Return what notifications say about an incident: Trigger or Resolve, oldest first."""
    return [
        each["spec"]["event"]
        for each in sorted(found, key=lambda each: each["metadata"]["creationTimestamp"])
    ]


@pytest.mark.check("sources-01")
def test_gateway_runs_twice_restricted_and_with_its_configuration_alone(
    gateway: Gateway, shipped_operator: OperatorUnderTest
) -> None:
    pods = gateway.ready()
    assert len(pods) == 2
    for pod in pods:
        spec = gateway.cluster.request("GET", f"/api/v1/namespaces/{HOME}/pods/{pod.name}")["spec"]
        (container,) = spec["containers"]
        assert container["command"] == [names.GATEWAY]
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        kinds = [set(volume) - {"name"} for volume in spec["volumes"]]
        mounted = [{"configMap"}, {"downwardAPI"}, {"emptyDir"}, {"projected"}, {"secret"}]
        assert sorted(kinds, key=str) == mounted
    namespace = gateway.cluster.request("GET", f"/api/v1/namespaces/{HOME}")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"

    source = gateway.source("generic")
    command = f'kubectl --kubeconfig=/etc/kubernetes/admin.conf --namespace={HOME} get nsrc "$1"'
    header, row = shipped_operator.workload.node.run(command, source.name).splitlines()
    assert header.split() == ["NAME", "TYPE", "READY", "REASON", "CREATED", "LAST-RECEIVED", "AGE"]
    assert row.split()[:5] == [source.name, "generic", "True", "Accepted", "0"]


@pytest.mark.check("sources-02")
def test_alert_through_the_service_is_one_incident(gateway: Gateway) -> None:
    receiver = gateway.receivers.add("pagerduty").ready()
    source = gateway.source("alertmanager", receiver)

    for status, counts in (
        ("firing", (1, 0)),
        ("firing", (0, 1)),
        ("resolved", (1, 0)),
        ("resolved", (0, 1)),
    ):
        (reply,) = gateway.insist(source.message(alert(status)))
        assert reply.status == 200
        assert (reply.content["created"], reply.content["duplicates"]) == counts
        for obj in source.notifications:
            gateway.cluster.phase(HOME, obj["metadata"]["name"], "Sent")

    assert sorted(events(source.notifications)) == ["Resolve", "Trigger"]
    assert list(receiver.account.incidents().values()) == ["resolved"]


@pytest.mark.check("sources-03")
def test_cloudevent_a_hundred_times_at_once_is_one_notification(gateway: Gateway) -> None:
    source = gateway.source("cloudevents")
    message = source.message(EVENT, Content_Type="application/cloudevents+json")

    replies = gateway.insist(*[message] * TIMES)

    assert {reply.status for reply in replies} == {202}
    assert Counter((reply.content["created"], reply.content["duplicates"]) for reply in replies) == {
        (1, 0): 1,
        (0, 1): TIMES - 1,
    }
    assert len(source.notifications) == 1
    shares = [gateway.received(pod, source, "duplicate") for pod in gateway.pods]
    assert all(shares), "the Service leads to both replicas"


@pytest.mark.check("sources-04")
def test_service_account_creates_a_notification_and_waits_for_its_end(
    gateway: Gateway, shipped_operator: OperatorUnderTest
) -> None:
    cluster, namespace = gateway.cluster, shipped_operator.namespace
    for account in ("sender", "other"):
        create_account(cluster, namespace, account)
    let_send(cluster, namespace, "sender")
    path = f"/v1/namespaces/{namespace}/notifications"
    spec = {"type": "simple", "subject": "Build 7", "body": "failed", "channels": ["console"]}

    def creation(token: str) -> Message:
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": "build-7"}
        return Message(path=path, headers=headers, body=json.dumps(spec))

    token = token_of(cluster, namespace, "sender", names.GROUP)
    (foreign,) = gateway.insist(creation(token))
    assert foreign.status == 401
    (refused,) = gateway.insist(creation(token_of(cluster, namespace, "other")))
    assert refused.status == 403

    token = token_of(cluster, namespace, "sender")
    (created,) = gateway.insist(creation(token))
    assert created.status == 201
    (again,) = gateway.insist(creation(token))
    assert (again.status, again.content) == (200, created.content)
    headers = {"Authorization": f"Bearer {token}"}
    href = f"{created.content['href']}?wait=15"
    (shown,) = gateway.insist(Message(path=href, headers=headers, method="GET"))
    assert (shown.status, shown.content["phase"], shown.content["final"]) == (200, "Sent", True)
    (stored,) = cluster.all(namespace)
    assert (stored["metadata"]["name"], stored["metadata"]["uid"]) == (
        created.content["name"],
        created.content["uid"],
    )


def create_account(cluster: Cluster, namespace: str, name: str) -> None:
    metadata = {"name": name, "namespace": namespace}
    cluster.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata})


def let_send(cluster: Cluster, namespace: str, account: str) -> None:
    """Let an account create notifications, and wait until the API server knows."""
    group = "rbac.authorization.k8s.io"
    cluster.apply(
        {
            "apiVersion": f"{group}/v1",
            "kind": "RoleBinding",
            "metadata": {"name": account, "namespace": namespace},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": "notifications-sender"},
            "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": namespace}],
        }
    )
    rights = Rights(cluster, f"system:serviceaccount:{namespace}:{account}")
    resource = (names.GROUP, names.PLURAL, "")
    eventually(lambda: rights.verbs(*resource, namespace=namespace), lambda verbs: "create" in verbs)


def token_of(cluster: Cluster, namespace: str, account: str, audience: str = "notifications") -> str:
    """Return a new token of an account."""
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
    return str(cluster.request("POST", path, {"spec": {"audiences": [audience]}})["status"]["token"])


@pytest.mark.check("sources-05")
def test_gateway_rbac_grants_exactly_what_is_used(
    gateway: Gateway, shipped_operator: OperatorUnderTest
) -> None:
    rights = Rights(gateway.cluster, f"system:serviceaccount:{HOME}:{names.GATEWAY}")
    for namespace, expected in ((HOME, AT_HOME), (shipped_operator.namespace, EVERYWHERE)):
        for resource in {*RESOURCES, *AT_HOME}:
            allowed = rights.verbs(*resource, namespace=namespace)
            assert allowed == expected.get(resource, set()), f"{resource} in {namespace}"

    leases = ("coordination.k8s.io", "leases", "")
    named = rights.verbs(*leases, namespace=HOME, name=f"{names.GATEWAY}-0")
    assert named == {"list", "create", "update", "delete"}
    source = gateway.source("generic")
    own, other = f"/api/v1/namespaces/{HOME}", f"/api/v1/namespaces/{shipped_operator.namespace}"
    requests = f"/apis/{names.API_VERSION}/namespaces/{HOME}/{names.PLURAL}"
    assert rights.code("GET", f"{own}/secrets/{source.name}") == 200
    for method, path in (
        ("GET", f"{own}/secrets"),
        ("GET", f"{other}/secrets/any"),
        ("GET", requests.replace(HOME, shipped_operator.namespace)),
        ("PATCH", f"{requests}/any"),
        ("PATCH", f"{requests}/any/status"),
        ("DELETE", f"{requests}/any"),
        ("PATCH", source.path),
        ("GET", source.path.replace(HOME, shipped_operator.namespace)),
    ):
        body = b"{}" if method == "PATCH" else None
        assert rights.code(method, path, body) == 403, f"{method} {path}"


@pytest.mark.check("sources-06")
def test_pod_that_is_deleted_under_traffic_loses_and_repeats_nothing(gateway: Gateway) -> None:
    source = gateway.source("generic")
    messages = [source.message({"number": number}, Idempotency_Key=f"k{number}") for number in range(POSTS)]
    leaving = gateway.pods[0]
    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(gateway.insist, *messages, every=PACE)
        gateway.cluster.core.delete_namespaced_pod(leaving.name, leaving.namespace)
        replies = sending.result()

    assert {reply.status for reply in replies} == {202}
    bodies = Counter(obj["spec"]["body"] for obj in source.notifications)
    assert list(bodies.values()) == [1] * POSTS
    assert leaving.uid not in {pod.uid for pod in gateway.ready()}


@pytest.mark.check("sources-07")
def test_missing_heartbeat_is_told_once_and_its_return_once(gateway: Gateway) -> None:
    receiver = gateway.receivers.add("pagerduty").ready()
    source = gateway.source(
        "heartbeat", receiver, heartbeat={"every": f"{EVERY}s", "grace": f"{GRACE}s", "priority": "critical"}
    )
    (reply,) = gateway.insist(source.message({}))
    assert reply.status == 200

    eventually(lambda: source.notifications, bool, within=EVERY + GRACE + 30)
    (trigger,) = source.notifications
    beat, told = source.status["lastBeatTime"], trigger["metadata"]["creationTimestamp"]
    # The API server truncates the time of creation to whole seconds.
    assert elapsed(beat, told) > EVERY + GRACE - 1
    # A gateway that was away has to be there for the whole time again.
    begin = max(beat, present_since(gateway.cluster), key=datetime.fromisoformat)
    assert elapsed(begin, told) <= EVERY + GRACE + TOLD_WITHIN + BUSY
    gateway.cluster.phase(HOME, trigger["metadata"]["name"], "Sent")
    assert list(receiver.account.incidents().values()) == ["triggered"]

    def told_since() -> list[tuple[str, str]]:
        """Send a beat, as a sender does that is back; return the events that were told, and their phases."""
        (reply,) = gateway.insist(source.message({}))
        assert reply.status == 200
        return sorted((each["spec"]["event"], each["status"]["phase"]) for each in source.notifications)

    both = [("Resolve", "Sent"), ("Trigger", "Sent")]
    eventually(
        told_since, lambda seen: [event for event, _ in seen] == ["Resolve", "Trigger"], within=15, every=1
    )
    eventually(told_since, lambda seen: seen == both, every=1)
    steadily(told_since, lambda seen: seen == both, during=2, every=1)
    assert list(receiver.account.incidents().values()) == ["resolved"]


def present_since(cluster: Cluster) -> str:
    """Return since when the gateway has been there without a break, as its Leases say."""
    path = f"/apis/coordination.k8s.io/v1/namespaces/{HOME}/leases"
    annotations = [
        lease["metadata"].get("annotations", {}) for lease in cluster.request("GET", path)["items"]
    ]
    found = [each.get(names.PRESENT_SINCE_ANNOTATION) for each in annotations]
    return min(filter(None, found), key=datetime.fromisoformat)


@pytest.mark.check("sources-08")
def test_secret_that_is_rotated_under_traffic_refuses_no_message(gateway: Gateway) -> None:
    # Nothing passes the filter: a message that becomes no object costs no object.
    source, numbers = gateway.source("generic", filter=["kind=none"]), count()

    def send() -> int:
        (reply,) = gateway.send(source.message({"number": next(numbers)}))
        return reply.status

    def sent(statuses: list[int], more: int) -> None:
        """Wait until so many more messages are answered."""
        wanted = len(statuses) + more
        eventually(lambda: len(statuses), lambda answered: answered >= wanted)

    with traffic(send, per_second=20) as statuses:
        sent(statuses, BETWEEN)
        for _ in range(ROTATIONS):
            source.rotate()
            sent(statuses, BETWEEN)
    assert set(statuses) == {202}


@pytest.mark.check("sources-09")
def test_command_line_shows_a_source_and_sends_a_heartbeat(gateway: Gateway) -> None:
    source = gateway.source("heartbeat", heartbeat={"every": "1h", "grace": "5m"})

    listed = notif(gateway.cluster, "source", "ls", "-n", HOME).splitlines()
    (row,) = [line.split() for line in listed if line.startswith(f"{source.name} ")]
    assert row[:5] == [source.name, "heartbeat", "True", "0", "0"]
    beaten = notif(gateway.cluster, "beat", source.name, "-n", HOME, "--operator-namespace", HOME)
    assert beaten == f"notificationsource.kubernaut.ai/{source.name} received\n"
    assert "lastBeatTime" in source.status
    shown = notif(gateway.cluster, "source", "show", source.name, "-n", HOME, "--operator-namespace", HOME)
    assert f"URL path  /hook/{source.name}" in shown.splitlines()
    assert ", due in " in shown


@pytest.mark.check("sources-10")
def test_incident_of_a_key_is_opened_and_closed_by_two_sources(gateway: Gateway) -> None:
    receiver = gateway.receivers.add("pagerduty").ready()
    event = {"fromPath": "state", "map": {"open": "Trigger", "closed": "Resolve"}}
    mapping = {"event": event, "dedupKey": "{{ payload.key }}"}

    for state, incident in (("open", "triggered"), ("closed", "resolved")):
        source = gateway.source("generic", receiver, mapping=mapping)
        (reply,) = gateway.insist(source.message({"state": state, "key": "db-1"}))
        assert (reply.status, reply.content["created"]) == (202, 1)
        (obj,) = source.notifications
        gateway.cluster.phase(HOME, obj["metadata"]["name"], "Sent")
        assert receiver.account.incidents() == {"db-1": incident}


@pytest.mark.check("sources-11")
def test_post_that_slack_signs_is_accepted_and_another_refused(gateway: Gateway) -> None:
    secret = gateway.source("generic")
    by_signature = {"secretRef": {"name": secret.name, "key": "token"}, "scheme": "slack"}
    source = gateway.source("slack", auth={"hmac": by_signature})

    def signed(key: str) -> Message:
        body, sent = json.dumps({"text": "Disk full"}), str(int(time.time()))
        signature = hmac.new(key.encode(), f"v0:{sent}:{body}".encode(), hashlib.sha256).hexdigest()
        headers = {"X-Slack-Request-Timestamp": sent, "X-Slack-Signature": f"v0={signature}"}
        return Message(
            path=f"/hook/{source.name}", headers={"Content-Type": "application/json", **headers}, body=body
        )

    accepted, refused = gateway.insist(signed(secret.token), signed("another-secret-of-a-sender"))
    assert (accepted.status, refused.status) == (200, 401)
    (obj,) = source.notifications
    assert obj["spec"]["body"] == "Disk full"


def notif(cluster: Cluster, *arguments: str) -> str:
    """Run the command line with the rights of the cluster's administrator, and return its output."""
    environment: dict[str, Any] = {
        **os.environ,
        "KUBECONFIG": str(cluster.kubeconfig),
        "PYTHONPATH": str(ROOT / "operator"),
    }
    done = subprocess.run(
        [sys.executable, "-m", "notification_cli", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout
