"""`make demo` on the disposable stack: its receivers do what their comments say, and the inbox shows what arrives."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.harness.operators import LABEL, working
from tests.harness.readings import targets
from tools.platform.commands.demo import show_receivers
from tools.platform.demo.cluster import NAMESPACE, DemoCluster
from tools.platform.demo.inbox import AUTHORITY, MAIL, WEBHOOK, Inbox, Receivers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.harness.cluster import Object
    from tests.harness.operator_under_test import OperatorUnderTest

pytestmark = [pytest.mark.needs_pod, pytest.mark.xdist_group("demo")]


@pytest.fixture
def demonstration(shipped_operator: OperatorUnderTest) -> Iterator[DemoCluster]:
    """Give the cluster with the namespace of the demonstration, and remove everything afterwards."""
    cluster = DemoCluster(shipped_operator.cluster.kubeconfig)
    labels = {LABEL: working("shipped").name}
    cluster.apply(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": labels}}
    )
    yield cluster
    home = shipped_operator.workload.namespace
    for receiver in Receivers(cluster, home).stored():
        shipped_operator.cluster.send("DELETE", receiver_path(receiver))
    for name in (AUTHORITY, WEBHOOK, MAIL):
        shipped_operator.cluster.send("DELETE", f"/api/v1/namespaces/{home}/secrets/{name}")
    cluster.request("DELETE", f"/api/v1/namespaces/{NAMESPACE}")


def receiver_path(receiver: Object) -> str:
    metadata = receiver["metadata"]
    kind = f"/apis/{receiver['apiVersion']}/namespaces/{metadata['namespace']}/notificationreceivers"
    return f"{kind}/{metadata['name']}"


def test_demonstration_shows_what_arrives(
    shipped_operator: OperatorUnderTest, demonstration: DemoCluster
) -> None:
    home = shipped_operator.workload.namespace
    operator = shipped_operator.cluster.deployment(home, "notification-operator")

    assert show_receivers(demonstration, operator)

    arrived = [(message["kind"], message["subject"]) for message in Inbox(demonstration, operator).messages()]
    assert sorted(arrived) == [
        ("mail", "[critical] Checkout is failing in eu-west"),
        ("mail", "[high] The on-call webhook is gone"),
        ("webhook", "Checkout is failing in eu-west"),
        ("webhook", "Good morning"),
    ]
    assert all(message["trusted"] for message in Inbox(demonstration, operator).messages())
    states = {
        name: {target.state for target in targets(shipped_operator.cluster.final(NAMESPACE, name)["status"])}
        for name in ("incident", "on-call", "no-token", "night")
    }
    assert states == {
        "incident": {"Delivered"},
        "on-call": {"Refused", "Delivered"},
        "no-token": {"Exhausted"},
        "night": {"Delivered"},
    }
