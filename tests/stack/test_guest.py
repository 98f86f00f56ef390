"""A guest in a cluster of others: its administrator has one namespace, others own the kinds, the Secret and the number of pods."""

from __future__ import annotations

import uuid
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from platform_infra import names
from platform_infra.image import build as image_build
from tests.harness.counterparts import HOST
from tests.harness.node import Node
from tests.harness.notifications import FLAT1, notification
from tests.harness.private_registry import PASSWORD, SERVER, USER, private_registry
from tests.harness.shared_clusters import CRDS, STACK, cluster_at
from tests.harness.sink_client import SlackSink
from tests.harness.sinks_in_cluster import NAMESPACE, SINK_CERTIFICATE
from tests.harness.tenants import ACCOUNT, tenant_of
from tools.platform.preflight.rights import Right, manifest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.harness.cluster import Cluster
    from tests.harness.place import EphemeralStack
    from tests.harness.tenants import Tenant

pytestmark = [pytest.mark.long, pytest.mark.needs_pod, pytest.mark.timeout(400, func_only=True)]
STATUS = [
    Right(namespace="", group=names.GROUP, resource=f"{plural}/status", verb="update")
    for plural in (names.PLURAL, names.RECEIVER_PLURAL)
]
SECRET, BUNDLE = "slack-of-the-vault", "authorities"
REPLICAS = 3


@pytest.fixture
def tenant(stack: EphemeralStack, cluster: Cluster, tmp_path: Path) -> Iterator[Tenant]:
    home = f"guest-{uuid.uuid4().hex[:6]}"
    yield tenant_of(cluster_at(Path(stack.kubeconfig)), tmp_path / "team", home=home)
    cluster.core.delete_namespace(home)


def settings(**values: object) -> dict[str, Any]:
    """Return the settings of the guest: one channel, whose URL a Secret of others has."""
    return {
        "operatorEnabled": True,
        "operatorImage": image_build.image_name(""),
        "operatorReplicasManaged": False,
        "channelsSlackEnabled": True,
        "channelsSlackExistingSecret": SECRET,
        "channelsSlackExistingSecretKey": "url",
        "monitoringMode": "none",
        **values,
    }


def give_objects_of_others(cluster: Cluster, home: str) -> None:
    """Create the Secret and the bundle of authorities, as the tools of a cluster's owner do."""
    source: Any = cluster.core.read_namespaced_secret(SINK_CERTIFICATE, NAMESPACE)
    url = f"https://{HOST}/slack/guest"
    for name, content in (
        (SECRET, {"stringData": {"url": url}}),
        (BUNDLE, {"data": {"ca.crt": source.data["ca.crt"]}}),
    ):
        metadata = {"name": name, "namespace": home}
        cluster.apply({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, **content})


def test_guest_delivers_and_leaves_nothing_but_what_it_found(
    stack: EphemeralStack, cluster: Cluster, tenant: Tenant
) -> None:
    home, team = tenant.home, tenant.team
    before: Any = cluster.core.read_namespace(home)
    definitions = [tenant.cluster.definition(name).uid for name in CRDS]
    tenant.configure(**settings())
    refused = team.platform("preflight", STACK, "--roles")
    assert f"the Secret {home}/{SECRET} does not exist" in refused.text
    tenant.grant(refused.text[refused.text.index("apiVersion:") :])
    give_objects_of_others(cluster, home)
    passed = team.platform("preflight", STACK)
    assert passed.code == 0, passed.text

    # The receiver's certificate is that of a private authority.
    team.up()
    untrusted = cluster.create(notification(home, channels=["slack"], retryPolicy=FLAT1))
    final = cluster.final(home, untrusted["metadata"]["name"])
    assert final["status"]["phase"] == "Failed"
    assert "the certificate is not valid" in str(final["status"]["deliveryAttempts"])

    scale = f"/apis/apps/v1/namespaces/{home}/deployments/{names.OPERATOR}/scale"
    cluster.send("PATCH", scale, {"spec": {"replicas": REPLICAS}}, "application/merge-patch+json")
    tenant.configure(**settings(operatorCaBundleSecret=BUNDLE))
    team.up()
    assert cluster.deployment(home, names.OPERATOR)["spec"]["replicas"] == REPLICAS
    assert "nothing to change" in team.up()
    trusted = cluster.create(notification(home, channels=["slack"]))
    assert cluster.final(home, trusted["metadata"]["name"])["status"]["phase"] == "Sent"
    assert SlackSink(stack.sink, "guest").hit(trusted)

    down = team.platform("down", STACK, "--yes")
    assert down.code == 0, down.text
    after: Any = cluster.core.read_namespace(home)
    assert (after.metadata.uid, after.status.phase) == (before.metadata.uid, "Active")
    assert [tenant.cluster.definition(name).uid for name in CRDS] == definitions
    assert cluster.has_secret(home, SECRET)
    assert not cluster.pods(home, f"app.kubernetes.io/name={names.OPERATOR}")


def test_first_up_pulls_from_a_private_registry(
    stack: EphemeralStack, cluster: Cluster, tenant: Tenant
) -> None:
    home, team = tenant.home, tenant.team
    with private_registry(Node(stack.container)) as registry:
        credentials = {
            "operatorRegistryServer": SERVER,
            "operatorRegistryUsername": USER,
            "operatorImage": registry.push(image_build.image_name("")),
            "operatorEnabled": True,
            "monitoringMode": "none",
        }
        tenant.configure(**credentials)
        tenant.grant(
            manifest(
                [replace(each, namespace=home) for each in STATUS], f"system:serviceaccount:{home}:{ACCOUNT}"
            )
        )
        key = f"{names.PROJECT}:operatorRegistryPassword"
        assert team.checkout.pulumi("stack", "init", STACK).code == 0
        assert team.checkout.pulumi("config", "set", "--secret", key, PASSWORD, "--stack", STACK).code == 0
        team.up()
        obj = cluster.create(notification(home))
        assert cluster.final(home, obj["metadata"]["name"])["status"]["phase"] == "Sent"
        assert team.platform("down", STACK, "--yes").code == 0
