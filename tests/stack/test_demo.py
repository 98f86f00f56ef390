"""`make demo` on the disposable stack: its receivers do what their comments say, and the inbox shows what arrives."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from notification_contract.names import API_VERSION, SOURCE_PLURAL
from tests.harness.operators import LABEL, working
from tests.harness.own_stack import own_stack
from tests.harness.readings import targets
from tools.platform.demo.cluster import NAMESPACE, DemoCluster
from tools.platform.demo.demonstration import show_receivers, show_sources
from tools.platform.demo.inbox import AUTHORITY, MAIL, WEBHOOK, Inbox, Receivers
from tools.platform.demo.sources import BACK, FIRING, MISSED, RESOLVED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.harness.cluster import Object
    from tests.harness.operator_under_test import OperatorUnderTest
    from tests.harness.own_stack import OwnStack

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


@pytest.fixture
def with_gateway() -> Iterator[OwnStack]:
    """Give a stack with a gateway, whose operator may read the Secrets of the demonstration, as that of `dev`."""
    with own_stack(gatewayEnabled=True, gatewayReadAll=True, receiversReadAll=True) as created:
        yield created


@pytest.mark.long
@pytest.mark.alone
@pytest.mark.timeout(600, func_only=True)
def test_demonstration_shows_alerts_and_heartbeats_with_a_gateway(with_gateway: OwnStack) -> None:
    cluster = DemoCluster(with_gateway.cluster.kubeconfig)
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    operator = cluster.operator()
    assert show_receivers(cluster, operator)

    show_sources(cluster, operator, with_gateway.name)

    messages = [each for each in Inbox(cluster, operator).messages() if each["incident"]]
    assert all(message["trusted"] for message in messages)
    arrived = {message["subject"]: message["incident"].split() for message in messages}
    events = {subject: event for subject, (event, _) in arrived.items()}
    assert events == {FIRING: "Trigger", RESOLVED: "Resolve", MISSED: "Trigger", BACK: "Resolve"}
    keys = {subject: key for subject, (_, key) in arrived.items()}
    assert keys[FIRING] == keys[RESOLVED] != keys[MISSED] == keys[BACK]
    assert cluster.request("GET", f"/apis/{API_VERSION}/{SOURCE_PLURAL}")["items"] == []
