"""The Python client against a real API server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from kubernetes import aio as kubernetes_aio
from kubernetes.client import ApiException

from notification_client import AsyncNotifier, Link, Notifier, stable_name

if TYPE_CHECKING:
    from tests.cli.cluster import Cluster

PLACE = ("kubernaut.ai", "v1alpha1")
SENT = {"phase": "Sent", "message": "Successfully delivered to 1 channel(s)", "totalAttempts": 1}


def read(cluster: Cluster, name: str) -> dict[str, Any]:
    obj: dict[str, Any] = cluster.objects.get_namespaced_custom_object(
        *PLACE, cluster.namespace, "notificationrequests", name
    )
    return obj


def finish(cluster: Cluster, name: str) -> None:
    body = {**read(cluster, name), "status": SENT}
    cluster.objects.replace_namespaced_custom_object_status(
        *PLACE, cluster.namespace, "notificationrequests", name, body
    )


def test_every_option_reaches_the_object(cluster: Cluster) -> None:
    handle = Notifier(cluster.namespace, api=cluster.api).send(
        "Subject",
        "Body",
        kind="escalation",
        priority="critical",
        channels=["log"],
        labels={"kubernaut.ai/severity": "critical"},
        links=[Link(url="https://example.com", label="Graph", service="grafana")],
        once="deploy 7",
    )
    obj = read(cluster, handle.name)
    assert (handle.created, handle.name) == (True, stable_name("deploy 7"))
    assert obj["metadata"]["labels"] == {"kubernaut.ai/severity": "critical"}
    assert obj["spec"] == {
        "type": "escalation",
        "priority": "critical",
        "subject": "Subject",
        "body": "Body",
        "channels": ["log"],
        "actionLinks": [{"service": "grafana", "url": "https://example.com", "label": "Graph"}],
        "retentionDays": 7,
    }


def test_repeated_key_finds_the_first_notification(cluster: Cluster) -> None:
    notifier = Notifier(cluster.namespace, api=cluster.api)
    first, second = (notifier.send("s", "b", once="k") for _ in range(2))
    assert (first.created, second.created, second.name) == (True, False, first.name)
    assert notifier.send("s", "b").name != notifier.send("s", "b").name


def test_refused_notification_raises(cluster: Cluster) -> None:
    with pytest.raises(ApiException, match="Unsupported value"):
        Notifier(cluster.namespace, api=cluster.api).send("s", "b", priority="urgent")


def test_wait_returns_the_result_or_raises(cluster: Cluster) -> None:
    handle = Notifier(cluster.namespace, api=cluster.api).send("s", "b")
    with pytest.raises(TimeoutError, match=r"is Pending after 0\.1 s"):
        handle.wait(0.1)
    finish(cluster, handle.name)
    status = handle.wait(10)
    assert (status.final, status.delivered, status.attempts) == (True, True, 1)


async def test_asynchronous_client_does_the_same(cluster: Cluster) -> None:
    client = await kubernetes_aio.config.new_client_from_config(str(cluster.kubeconfig))
    notifier = AsyncNotifier(cluster.namespace, api=client)
    try:
        handle = await notifier.send("s", "b", once="k")
        assert not (await notifier.send("s", "b", once="k")).created
        assert (await handle.status()).phase == "Pending"
        with pytest.raises(TimeoutError):
            await handle.wait(0.1)
        finish(cluster, handle.name)
        assert (await handle.wait(10)).delivered
    finally:
        await notifier.close()


def test_kubeconfig_is_used_without_a_given_client(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    from kubernetes.config import kube_config  # noqa: PLC0415 - the module that read KUBECONFIG

    monkeypatch.setattr(kube_config, "KUBE_CONFIG_DEFAULT_LOCATION", str(cluster.kubeconfig))
    assert Notifier(cluster.namespace).send("s", "b").created
