"""What the program asks the engine for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pulumi.runtime import rpc

from platform_infra import names
from platform_infra.image import build as image_build

if TYPE_CHECKING:
    from tests.unit.infra.conftest import Record

COMPONENTS = {
    "Bundle",
    "Cluster",
    "Crds",
    "OperatorAccount",
    "OperatorDeployment",
    "FileStorage",
    "Observability",
}
OUTSIDE = {"Node", "kubernetes"}
"""What makes the cluster, and so cannot live in it."""


def test_a_local_stack_asks_for_exactly_these_resources(record: Record) -> None:
    asked = sorted((entry.kind, entry.name) for entry in record().registered if entry.kind not in COMPONENTS)
    assert asked == [
        ("ClusterRole", "served"),
        ("ClusterRoleBinding", "served"),
        ("ConfigMap", "config"),
        ("CustomResourceDefinition", "notificationrequests"),
        ("Deployment", "operator"),
        ("Namespace", "namespace"),
        ("NetworkPolicy", "traffic"),
        ("Node", "node"),
        ("OperatorImage", "image"),
        ("PodDisruptionBudget", "budget"),
        ("Role", "own"),
        ("RoleBinding", "own"),
        ("Service", "metrics"),
        ("ServiceAccount", "operator"),
        ("kubernetes", "cluster"),
    ]


def test_every_resource_has_a_parent_below_the_bundle(record: Record) -> None:
    for entry in record().registered:
        assert "Bundle" in entry.parent or entry.kind == "Bundle", entry


def test_every_kubernetes_object_is_made_with_the_cluster_s_own_provider(record: Record) -> None:
    objects = [e for e in record().registered if e.custom and e.kind not in OUTSIDE | {"OperatorImage"}]
    assert {entry.provider.rpartition("::")[0].rpartition("::")[2] for entry in objects} == {"cluster"}


def test_the_provider_is_told_kubeconfig_and_context(record: Record) -> None:
    told = record().one("kubernetes").inputs
    assert rpc.unwrap_rpc_secret(told["kubeconfig"]) == "apiVersion: v1\nkind: Config\n"
    assert told["context"] == "notification-platform"


def test_the_kubeconfig_is_a_secret_wherever_it_goes(record: Record) -> None:
    recording = record()
    assert recording.one("Node").secret_outputs == ("kubeconfig",)
    assert rpc.is_rpc_secret(recording.one("kubernetes").inputs["kubeconfig"])


def test_what_lives_on_a_local_node_goes_with_it(record: Record) -> None:
    inside = [e for e in record().registered if e.parent.endswith("::platform") and e.kind != "Cluster"]
    assert inside
    assert {entry.deleted_with.rpartition("::")[2] for entry in inside} == {"node"}


def test_the_operator_runs_the_image_that_was_loaded(record: Record) -> None:
    recording = record()
    loaded = recording.one("OperatorImage").inputs
    assert recording.container["image"] == loaded["image"] == image_build.image_name("")
    assert loaded["container"] == "notification-platform-test"


def test_a_given_image_is_neither_built_nor_loaded(record: Record) -> None:
    recording = record(operatorImage="registry.example/operator@sha256:00")
    assert recording.of("OperatorImage") == []
    assert recording.container["image"] == "registry.example/operator@sha256:00"


def test_without_the_operator_the_rest_is_still_there(record: Record) -> None:
    recording = record(operatorEnabled="false")
    assert recording.of("Deployment") == recording.of("OperatorImage") == []
    assert len(recording.of("CustomResourceDefinition")) == 1
    assert len(recording.of("ServiceAccount")) == 1


def test_a_stack_that_does_not_own_the_crd_leaves_it_alone(record: Record) -> None:
    assert record(crdManaged="false").of("CustomResourceDefinition") == []


def test_the_namespace_enforces_the_restricted_standard(record: Record) -> None:
    labels = record().one("Namespace").inputs["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


@pytest.mark.parametrize(
    "kind", ["Deployment", "Service", "PodDisruptionBudget", "NetworkPolicy", "ConfigMap"]
)
def test_the_operator_s_objects_are_in_its_namespace_and_labelled(record: Record, kind: str) -> None:
    metadata = record(operatorNamespace="elsewhere").one(kind).inputs["metadata"]
    assert metadata["namespace"] == "elsewhere"
    assert metadata["labels"]["app.kubernetes.io/part-of"] == names.PROJECT


def test_service_budget_and_policy_select_the_operator_s_pods(record: Record) -> None:
    recording = record()
    labels = recording.spec("Deployment")["template"]["metadata"]["labels"].items()
    assert recording.spec("Service")["selector"].items() <= labels
    assert recording.spec("PodDisruptionBudget")["selector"]["matchLabels"].items() <= labels
    assert recording.spec("NetworkPolicy")["podSelector"]["matchLabels"].items() <= labels


def test_an_update_wins_back_what_was_scaled_by_hand_and_takes_nothing_else_from_others(
    record: Record,
) -> None:
    forced = [
        entry.kind
        for entry in record().registered
        if "pulumi.com/patchForce" in (entry.inputs.get("metadata") or {}).get("annotations", {})
    ]
    assert forced == ["Deployment"]


def test_a_changed_setting_gives_the_configuration_another_name(record: Record) -> None:
    before, after = (
        record(operatorWorkers=workers).one("ConfigMap").inputs["metadata"] for workers in ("8", "9")
    )
    assert before["name"] != after["name"]


def test_the_same_settings_give_the_same_requests(record: Record) -> None:
    first, second = record(), record()
    assert sorted(map(repr, first.registered)) == sorted(map(repr, second.registered))


def test_the_crd_says_which_stack_it_belongs_to_so_that_no_other_one_claims_it_unnoticed(
    record: Record,
) -> None:
    annotations = record().one("CustomResourceDefinition").inputs["metadata"]["annotations"]
    assert annotations["kubernaut.ai/owner"].endswith("/notification-platform/test")
