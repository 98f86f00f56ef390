"""A stack in a cluster of others: whose namespace it uses, which rights it needs, and what identifies the cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from platform_infra.cluster import ClusterError, Connection
from platform_infra.cluster.ownership import Owner, reached_identity, same_identity
from platform_infra.settings.reader import parse
from tests.kit.recording import NEW_STATE, record_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.kit.recording import Recording
    from tests.unit.infra.conftest import SharedCluster

HOME = "team-a"
GUEST = {
    "clusterKind": "existing",
    "clusterKubeconfig": "/k",
    "clusterContext": "there",
    "operatorImage": "registry.example/operator:1",
    "operatorNamespace": HOME,
    "crdManaged": "false",
    "namespaceManaged": "false",
    "watchNamespaces": f'["{HOME}", "team-a-jobs"]',
}
CLUSTER_SCOPED = {
    "ClusterRole",
    "ClusterRoleBinding",
    "CustomResourceDefinition",
    "FlowSchema",
    "Namespace",
    "PersistentVolume",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
}


@pytest.fixture
def tenant(shared_cluster: SharedCluster) -> SharedCluster:
    """A cluster that lets the account read its own namespace, but not kube-system."""
    shared_cluster.uid = ""
    shared_cluster.namespaces[HOME] = "home-uid"
    return shared_cluster


def record(*kept: Mapping[str, str], **values: str) -> Recording:
    connection = Connection(kubeconfig="apiVersion: v1", context="there", lasting=True)
    return record_settings(parse(GUEST | values), connect=lambda _opts: connection, kept=dict(*kept))


@pytest.mark.usefixtures("tenant")
def test_guest_registers_no_object_of_the_cluster() -> None:
    kinds = {entry.kind for entry in record(drillSchedule="0 6 * * 1").registered if entry.custom}
    assert not kinds & CLUSTER_SCOPED
    assert {"Role", "RoleBinding", "Deployment", "CronJob"} <= kinds


@pytest.mark.usefixtures("tenant")
@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ({"crdManaged": "true"}, "CustomResourceDefinition"),
        ({"namespaceManaged": "true"}, "Namespace"),
        ({"watchNamespaces": "[]"}, "ClusterRole"),
    ],
)
def test_stack_that_is_no_guest_has_flow_schemas(values: dict[str, str], kind: str) -> None:
    recording = record(**values)
    assert recording.of(kind)
    assert recording.of("FlowSchema")


def test_missing_namespace_of_others_is_refused(tenant: SharedCluster) -> None:
    tenant.namespaces.clear()
    with pytest.raises(ClusterError) as caught:
        record()
    for part in (
        "operatorNamespace",
        f"'{HOME}' does not exist",
        "namespaceManaged",
        "Nothing has been changed",
    ):
        assert part in str(caught.value)


def test_own_namespace_is_kept_when_it_is_handed_over(tenant: SharedCluster) -> None:
    tenant.owners[HOME] = f"organization/notification-platform/test state={NEW_STATE}"
    entry = record(protectionData="true").one("Namespace")
    assert (entry.retained, entry.protected) == (True, False)
    assert "kubernaut.ai/owner" not in entry.inputs["metadata"]["annotations"]
    tenant.owners[HOME] = "organization/notification-platform/test state=another"
    assert not record().of("Namespace")


def test_unreadable_namespace_is_left_to_the_engine(tenant: SharedCluster) -> None:
    tenant.namespaces[HOME] = None
    assert record().one("Deployment").inputs["metadata"]["namespace"] == HOME


def test_account_of_the_operator_has_the_owner_in_a_namespace_of_others(tenant: SharedCluster) -> None:
    annotations = record().one("ServiceAccount").inputs["metadata"]["annotations"]
    owner = Owner.parse(annotations["kubernaut.ai/owner"])
    assert (owner.state, owner.cluster) == (NEW_STATE, f"{HOME}/home-uid")

    tenant.owners[f"{HOME}/notification-operator"] = "organization/notification-platform/other state=first"
    with pytest.raises(ClusterError) as caught:
        record()
    account = f"ServiceAccount {HOME}/notification-operator: owner organization/notification-platform/other"
    assert account in str(caught.value)


@pytest.mark.usefixtures("tenant")
def test_guest_identifies_the_cluster_by_its_namespace() -> None:
    assert record().one("kubernetes").inputs["clusterIdentifier"] == f"{HOME}/home-uid"
    with pytest.raises(ClusterError) as caught:
        record({"platform-cluster-uid": f"{HOME}/another-uid"})
    assert f"its namespace {HOME} has the uid home-uid, in the stack's state it is another-uid" in str(
        caught.value
    )


def test_recorded_identity_stays_when_more_can_be_read(tenant: SharedCluster) -> None:
    kept = {"platform-cluster-uid": f"{HOME}/home-uid"}
    tenant.uid = "cluster-uid"
    assert record(kept).one("kubernetes").inputs["clusterIdentifier"] == f"{HOME}/home-uid"
    tenant.namespaces[HOME] = "other-uid"
    with pytest.raises(ClusterError, match="leads to another cluster"):
        record(kept)


def test_recorded_identity_stays_when_less_can_be_read(tenant: SharedCluster) -> None:
    kept = {"platform-cluster-uid": "cluster-uid"}
    assert record(kept).one("kubernetes").inputs["clusterIdentifier"] == "cluster-uid"
    tenant.uid = "other-uid"
    with pytest.raises(ClusterError, match="leads to another cluster"):
        record(kept)


@pytest.mark.parametrize(
    ("uid", "namespaces", "identity"),
    [
        ("u", {HOME: "h"}, "u"),
        ("", {HOME: "h"}, f"{HOME}/h"),
        ("", {HOME: None}, ""),
        ("", {}, ""),
    ],
)
def test_identity_is_the_widest_that_can_be_read(
    shared_cluster: SharedCluster, uid: str, namespaces: dict[str, str | None], identity: str
) -> None:
    shared_cluster.uid, shared_cluster.namespaces = uid, namespaces
    reader = shared_cluster.reader(kubeconfig="", context="")
    assert reached_identity(reader, HOME) == identity
    if identity:
        assert same_identity(reader, identity) == identity
