"""`make demo` against a real API server: what it applies is accepted, and can be applied again."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest

from tools.platform.demo.cluster import NAMESPACE, DemoCluster, DemoError, RejectedError, path_of
from tools.platform.demo.demonstration import addressed_to
from tools.platform.demo.inbox import AUTHORITY, MAIL, WEBHOOK, Inbox, Receivers
from tools.platform.demo.notifications import Notifications, receivers_table
from tools.platform.demo.sources import forwarded, has_gateway
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from tests.api_server.conftest import ApiServer

HOME = "notification-system"
OPERATOR = {
    "metadata": {"namespace": HOME},
    "spec": {"template": {"spec": {"containers": [{"name": "operator", "image": "operator:1"}]}}},
}


@pytest.fixture
def cluster(api_server: ApiServer) -> DemoCluster:
    cluster = DemoCluster(api_server.cluster.kubeconfig)
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    return cluster


def secret(cluster: DemoCluster, namespace: str, name: str) -> dict[str, str]:
    metadata = {"namespace": namespace, "name": name}
    stored = cluster.get({"apiVersion": "v1", "kind": "Secret", "metadata": metadata})
    assert stored is not None
    granted = stored["metadata"]["labels"].get("kubernaut.ai/receivers") == "true"
    assert granted is (namespace == HOME), (
        "receivers may use the Secrets that they need, and not the inbox's own"
    )
    return {key: base64.b64decode(value).decode() for key, value in stored["data"].items()}


def test_inbox_is_accepted_and_its_secrets_stay(
    cluster: DemoCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    # No node runs the pod, so it is never ready.
    monkeypatch.setattr("tools.platform.demo.inbox.READY_SECONDS", 0)
    stored = []
    for _ in range(2):
        with pytest.raises(DemoError, match="the inbox serves"):
            Inbox(cluster, OPERATOR).start()
        stored.append(secret(cluster, NAMESPACE, "inbox"))
    first, second = stored
    assert first == second
    assert secret(cluster, HOME, AUTHORITY) == {"ca.crt": first["ca.crt"]}
    assert secret(cluster, HOME, WEBHOOK) == {"signing-key": first["signing-key"]}
    assert secret(cluster, HOME, MAIL) == {"username": "demo", "password": first["password"]}


def test_receivers_are_accepted_and_the_suspended_one_can_be_resumed(
    cluster: DemoCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Without an operator, no receiver gets a status.
    monkeypatch.setattr("tools.platform.demo.inbox.SEEN_SECONDS", 0)
    receivers = Receivers(cluster, HOME)
    for _ in range(2):
        with pytest.raises(DemoError, match="have a status"):
            receivers.apply()
    stored = {each["metadata"]["name"]: each["spec"] for each in receivers.stored()}
    assert sorted(stored) == ["demo-broken", "demo-mail", "demo-night", "demo-on-call", "demo-webhook"]
    assert [name for name, spec in stored.items() if spec.get("suspend")] == ["demo-night"]
    receivers.resume()
    assert not any(each["spec"].get("suspend") for each in receivers.stored())
    cells = [list(column.cells) for column in receivers_table(receivers.stored()).columns]
    assert cells[0][0] == f"{HOME}/demo-broken"
    assert str(cells[2][0]) == "Unknown"


def test_notifications_to_receivers_are_accepted(cluster: DemoCluster) -> None:
    notifications = Notifications(cluster)
    notifications.apply(ROOT / "examples" / "demo" / "notifications", lambda obj: addressed_to(obj, HOME))
    assert sorted(notifications.applied) == ["incident", "night", "no-token", "on-call"]
    cells = [[str(cell) for cell in column.cells] for column in notifications.table().columns]
    assert cells[1][0] == "demo-webhook, demo-mail"


def test_notifications_are_created_again_and_the_invalid_one_is_shown(cluster: DemoCluster) -> None:
    for _ in range(2):
        notifications = Notifications(cluster)
        notifications.apply(ROOT / "examples")
    assert sorted(notifications.applied) == ["full", "partial", "simple"]
    cells = [[str(cell) for cell in column.cells] for column in notifications.table().columns]
    assert cells[0] == ["full", "partial", "simple", "refused"]
    assert cells[2] == ["Pending", "Pending", "Pending", "rejected (422)"]
    assert "spec.priority" in cells[4][3]


def test_gateway_that_cannot_be_reached_is_named_by_kubectl(cluster: DemoCluster) -> None:
    assert not has_gateway(cluster, NAMESPACE)
    with (
        pytest.raises(DemoError, match=r'kubectl has ended: .*services "notification-gateway" not found'),
        forwarded(cluster.kubeconfig, NAMESPACE),
    ):
        pytest.fail("there is no Service")


def test_cluster_without_an_operator_says_what_to_do(cluster: DemoCluster) -> None:
    with pytest.raises(DemoError, match="has no operator") as caught:
        cluster.operator()
    assert "make up" in caught.value.hint


def test_rejection_without_a_field_has_the_message(cluster: DemoCluster) -> None:
    metadata = {"namespace": NAMESPACE, "name": "Not a name"}
    obj = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}
    with pytest.raises(RejectedError, match=r"metadata\.name"):
        cluster.request("POST", path_of(obj).rpartition("/")[0], obj)
