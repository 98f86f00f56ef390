"""Owners of objects and clusters: the annotation, and what is refused before any object is registered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from platform_infra.cluster import ClusterError, Connection
from platform_infra.cluster.ownership import Owner
from platform_infra.names import RECEIVER_CRD, SOURCE_CRD
from platform_infra.settings.reader import parse
from tests.kit.recording import NEW_STATE, record_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.kit.recording import Recording, Registration
    from tests.unit.infra.conftest import SharedCluster

STACK = "organization/notification-platform/test"
VALUES = {"operatorImage": "registry.example/operator:1", "clusterKind": "existing"} | {
    "clusterKubeconfig": "/k",
    "clusterContext": "there",
}
NAMESPACE, CRD = "notification-system", "notificationrequests.kubernaut.ai"


def record(kept: Mapping[str, str] | None = None, *, lasting: bool = True, **values: str) -> Recording:
    """Record a stack in a cluster of others; `kept` is what its state has of an earlier update."""
    connection = Connection(kubeconfig="apiVersion: v1", context="there", lasting=lasting)
    return record_settings(parse(VALUES | values), connect=lambda _opts: connection, kept=kept)


def owner(recording: Recording, kind: str = "Namespace") -> Owner:
    return Owner.parse(recording.of(kind)[0].inputs["metadata"]["annotations"]["kubernaut.ai/owner"])


@pytest.mark.parametrize(
    "owner",
    [
        Owner(stack=STACK, state="1f"),
        Owner(stack=STACK, state="1f", cluster="9a"),
    ],
)
def test_annotation_is_read_as_it_was_written(owner: Owner) -> None:
    assert Owner.parse(owner.text()) == owner


@pytest.mark.parametrize(
    ("text", "owned"),
    [
        (f"{STACK} state=ours cluster=c", True),
        ("organization/notification-platform/renamed state=ours cluster=c", True),
        (f"{STACK} state=ours cluster=restored-from-another", True),
        (STACK, False),
        ("organization/notification-platform/other", False),
        (f"{STACK} state=another cluster=c", False),
    ],
)
def test_state_decides_about_the_owner(text: str, *, owned: bool) -> None:
    assert Owner(stack=STACK, state="ours", cluster="c").owns(Owner.parse(text)) is owned


def test_first_update_records_state_and_cluster() -> None:
    recording = record()
    records = {entry.name: entry.inputs["input"] for entry in recording.of("Stash")}
    assert records == {"platform-cluster-state": NEW_STATE, "platform-cluster-uid": "cluster-uid"}
    for kind in ("Namespace", "CustomResourceDefinition"):
        assert (owner(recording, kind).state, owner(recording, kind).cluster) == (NEW_STATE, "cluster-uid")
    assert recording.one("kubernetes").inputs["clusterIdentifier"] == "cluster-uid"


def test_later_update_keeps_the_recorded_state() -> None:
    recording = record({"platform-cluster-state": "first", "platform-cluster-uid": "cluster-uid"})
    assert owner(recording).state == "first"


def test_another_cluster_is_refused_with_both_uids() -> None:
    with pytest.raises(ClusterError) as caught:
        record({"platform-cluster-state": "first", "platform-cluster-uid": "first-uid"})
    for part in ("'there'", "uid cluster-uid", "first-uid", "clusterContext", "Nothing has been changed"):
        assert part in str(caught.value)


def test_cluster_of_this_program_may_be_another_one(shared_cluster: SharedCluster) -> None:
    shared_cluster.silent = True
    recording = record({"platform-cluster-uid": "the-first-cluster"}, lasting=False)
    assert [entry.name for entry in recording.of("Stash")] == ["platform-cluster-state"]
    assert "clusterIdentifier" not in recording.one("kubernetes").inputs


@pytest.mark.parametrize(("recorded", "kept"), [("", {}), ("c", {"platform-cluster-uid": "c"})])
def test_account_that_cannot_read_the_uid_keeps_the_record(
    shared_cluster: SharedCluster, recorded: str, kept: dict[str, str]
) -> None:
    shared_cluster.uid = ""
    recording = record(kept)
    assert owner(recording).cluster == recorded
    assert recording.one("kubernetes").inputs.get("clusterIdentifier", "") == recorded


def test_silent_cluster_fails_an_update(shared_cluster: SharedCluster) -> None:
    shared_cluster.silent = True
    with pytest.raises(ClusterError, match="cannot be identified"):
        record()


@pytest.mark.parametrize("name", [NAMESPACE, CRD])
def test_object_of_another_state_is_refused_with_its_owner(shared_cluster: SharedCluster, name: str) -> None:
    shared_cluster.owners[name] = f"{STACK} state=first cluster=cluster-uid"
    kind = "Namespace" if name == NAMESPACE else "CustomResourceDefinition"
    with pytest.raises(ClusterError) as caught:
        record()
    for part in (
        f"{kind} {name}: owner {STACK} state=first",
        f"This stack is {STACK} state={NEW_STATE}",
        "run `tools/notif-platform up test --adopt`",
    ):
        assert part in str(caught.value)


def test_crd_of_another_stack_is_no_matter_unless_managed(shared_cluster: SharedCluster) -> None:
    shared_cluster.owners[CRD] = "organization/notification-platform/other state=first"
    record(crdManaged="false")
    with pytest.raises(ClusterError, match="no state of this stack has them"):
        record()


def test_own_crds_are_kept_when_they_are_handed_over(shared_cluster: SharedCluster) -> None:
    shared_cluster.owners[CRD] = f"{STACK} state={NEW_STATE}"
    entries = record(crdManaged="false", protectionData="true").of("CustomResourceDefinition")
    assert {each.inputs["metadata"]["name"] for each in entries} == {CRD, RECEIVER_CRD}
    assert {(each.retained, each.protected) for each in entries} == {(True, False)}
    assert not any("kubernaut.ai/owner" in each.inputs["metadata"].get("annotations", {}) for each in entries)
    # After that update they have no owner, and then another one.
    for text in ("", "organization/notification-platform/other state=first"):
        shared_cluster.owners[CRD] = text
        assert not record(crdManaged="false").of("CustomResourceDefinition")


def test_crd_of_sources_is_handed_over_with_the_others(shared_cluster: SharedCluster) -> None:
    shared_cluster.owners = dict.fromkeys((CRD, RECEIVER_CRD, SOURCE_CRD), f"{STACK} state={NEW_STATE}")
    entries = record(crdManaged="false", gatewayEnabled="false").of("CustomResourceDefinition")
    assert len(entries) == 3


@pytest.mark.parametrize(
    ("shared", "may_vanish"), [(True, False), (False, True)], ids=["component", "local node"]
)
def test_own_objects_are_kept_in_a_cluster_of_the_program(
    shared_cluster: SharedCluster, *, shared: bool, may_vanish: bool
) -> None:
    def handed_over(*owned: str) -> list[Registration]:
        shared_cluster.owners = dict.fromkeys(owned, f"{STACK} state={NEW_STATE}")
        connection = Connection(
            kubeconfig="apiVersion: v1", context="there", shared=shared, may_vanish=may_vanish
        )
        settings = parse(VALUES | {"crdManaged": "false", "namespaceManaged": "false"})
        recording = record_settings(settings, connect=lambda _opts: connection)
        return recording.of("CustomResourceDefinition") + recording.of("Namespace")

    entries = handed_over(CRD, NAMESPACE)
    assert {each.inputs["metadata"]["name"] for each in entries} == {CRD, RECEIVER_CRD, NAMESPACE}
    assert all(each.retained for each in entries)
    assert not handed_over()


def test_retained_crd_keeps_its_owner_while_it_is_managed() -> None:
    entries = record(crdRetain="true", namespaceManaged="true").of("CustomResourceDefinition")
    assert all(
        each.retained and "kubernaut.ai/owner" in each.inputs["metadata"]["annotations"] for each in entries
    )


@pytest.mark.parametrize("text", ["", f"{STACK} state=first cluster=cluster-uid"])
def test_own_objects_are_updated(shared_cluster: SharedCluster, text: str) -> None:
    shared_cluster.owners = dict.fromkeys((NAMESPACE, CRD), text)
    assert owner(record({"platform-cluster-state": "first"})).state == "first"
