"""The resources that the bundle registers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pulumi.runtime import rpc

from notification_contract.crds import notification_receiver, notification_request
from platform_infra import names
from platform_infra.cluster.ownership import Owner
from platform_infra.image import build as image_build
from platform_infra.settings.reader import parse
from tests.kit.recording import NEW_STATE, record_bundle, record_settings

if TYPE_CHECKING:
    from tests.unit.infra.conftest import Record

COMPONENTS = {
    "Bundle",
    "Cluster",
    "Crds",
    "OperatorAccount",
    "OperatorDeployment",
    "FileStorage",
    "FlowSchemas",
    "Observability",
    "RequestAdmission",
    "UserRoles",
}
OUTSIDE_CLUSTER = {"Node", "kubernetes", "Stash"}
"""Resources that create the cluster, connect to it, or are in the state alone."""


def test_local_stack_registers_exactly_these_resources(record: Record) -> None:
    registered = sorted(
        (entry.kind, entry.part) for entry in record().registered if entry.kind not in COMPONENTS
    )
    assert registered == [
        ("ClusterRole", "notifications-sender"),
        ("ClusterRole", "notifications-viewer"),
        ("ClusterRole", "receivers-editor"),
        ("ClusterRole", "served"),
        ("ClusterRoleBinding", "served"),
        ("ConfigMap", "limits"),
        ("CustomResourceDefinition", "notificationreceivers"),
        ("CustomResourceDefinition", "notificationrequests"),
        ("Deployment", "deployment"),
        ("FlowSchema", "leases"),
        ("FlowSchema", "status"),
        ("Namespace", "namespace"),
        ("NetworkPolicy", "traffic"),
        ("Node", "node"),
        ("OperatorImage", "image"),
        ("PodDisruptionBudget", "budget"),
        ("Role", "own"),
        ("RoleBinding", "own"),
        ("Service", "metrics"),
        ("ServiceAccount", "operator"),
        ("Stash", "state"),
        ("ValidatingAdmissionPolicy", "notification-drills"),
        ("ValidatingAdmissionPolicy", "notification-receivers"),
        ("ValidatingAdmissionPolicy", "notification-receivers-status"),
        ("ValidatingAdmissionPolicy", "notification-requests"),
        ("ValidatingAdmissionPolicy", "notification-requests-status"),
        ("ValidatingAdmissionPolicy", "notification-requests-warnings"),
        ("ValidatingAdmissionPolicy", "notification-sources-status"),
        ("ValidatingAdmissionPolicyBinding", "notification-drills"),
        ("ValidatingAdmissionPolicyBinding", "notification-receivers"),
        ("ValidatingAdmissionPolicyBinding", "notification-receivers-status"),
        ("ValidatingAdmissionPolicyBinding", "notification-requests"),
        ("ValidatingAdmissionPolicyBinding", "notification-requests-status"),
        ("ValidatingAdmissionPolicyBinding", "notification-requests-warnings"),
        ("ValidatingAdmissionPolicyBinding", "notification-sources-status"),
        ("kubernetes", "provider"),
    ]


def test_every_resource_is_a_descendant_of_the_bundle(record: Record) -> None:
    for entry in record().registered:
        assert "Bundle" in entry.parent or entry.kind == "Bundle", entry


def test_kubernetes_objects_use_the_explicit_provider(record: Record) -> None:
    objects = [
        e for e in record().registered if e.custom and e.kind not in OUTSIDE_CLUSTER | {"OperatorImage"}
    ]
    providers = {entry.provider.rpartition("::")[0].rpartition("::")[2] for entry in objects}
    assert providers == {"platform-cluster-provider"}


def test_provider_gets_kubeconfig_and_context(record: Record) -> None:
    inputs = record().one("kubernetes").inputs
    assert rpc.unwrap_rpc_secret(inputs["kubeconfig"]) == "apiVersion: v1\nkind: Config\n"
    assert inputs["context"] == "notification-platform"


def test_kubeconfig_is_a_secret_output_and_input(record: Record) -> None:
    recording = record()
    assert recording.one("Node").secret_outputs == ("kubeconfig",)
    assert rpc.is_rpc_secret(recording.one("kubernetes").inputs["kubeconfig"])


def test_components_on_a_local_node_are_deleted_with_it(record: Record) -> None:
    recording = record()
    components = [e for e in recording.registered if e.parent.endswith("::platform") and e.kind != "Cluster"]
    assert components
    assert recording.parts(entry.deleted_with for entry in components) == {"node"}


def test_operator_runs_the_loaded_image(record: Record) -> None:
    recording = record()
    image = recording.one("OperatorImage").inputs
    assert recording.container["image"] == image["image"] == image_build.image_name("")
    assert image["container"] == "notification-platform-test"


def test_configured_image_is_neither_built_nor_loaded(record: Record) -> None:
    recording = record(operatorImage="registry.example/operator@sha256:00")
    assert recording.of("OperatorImage") == []
    assert recording.container["image"] == "registry.example/operator@sha256:00"


def test_disabled_operator_keeps_crd_and_permissions(record: Record) -> None:
    recording = record(operatorEnabled="false")
    assert recording.of("Deployment") == recording.of("OperatorImage") == []
    assert len(recording.of("CustomResourceDefinition")) == 2
    assert len(recording.of("ServiceAccount")) == 1


def test_unmanaged_crd_is_not_registered(record: Record) -> None:
    assert record(crdManaged="false").of("CustomResourceDefinition") == []


def test_crds_are_registered_as_they_are_defined() -> None:
    registered = record_settings(parse({}), schemas=True).of("CustomResourceDefinition")
    assert [entry.inputs["spec"] for entry in registered] == [
        notification_receiver()["spec"],
        notification_request()["spec"],
    ]


def test_namespace_enforces_the_restricted_standard(record: Record) -> None:
    labels = record().one("Namespace").inputs["metadata"]["labels"]
    for mode in ("enforce", "audit", "warn"):
        assert labels[f"pod-security.kubernetes.io/{mode}"] == "restricted"
        assert labels[f"pod-security.kubernetes.io/{mode}-version"] == "latest"


@pytest.mark.parametrize(
    "kind", ["Deployment", "Service", "PodDisruptionBudget", "NetworkPolicy", "ConfigMap"]
)
def test_operator_objects_have_namespace_and_labels(record: Record, kind: str) -> None:
    entries = record(operatorNamespace="elsewhere").of(kind)
    assert entries
    for entry in entries:
        metadata = entry.inputs["metadata"]
        assert metadata["namespace"] == "elsewhere"
        assert metadata["labels"]["app.kubernetes.io/part-of"] == names.PROJECT


def test_service_budget_and_policy_select_the_operator_pods(record: Record) -> None:
    recording = record()
    labels = recording.spec("Deployment")["template"]["metadata"]["labels"].items()
    assert recording.spec("Service")["selector"].items() <= labels
    assert recording.spec("PodDisruptionBudget")["selector"]["matchLabels"].items() <= labels
    assert recording.spec("NetworkPolicy")["podSelector"]["matchLabels"].items() <= labels


def test_only_the_deployment_forces_field_ownership(
    record: Record,
) -> None:
    forced = [
        entry.kind
        for entry in record().registered
        if "pulumi.com/patchForce" in (entry.inputs.get("metadata") or {}).get("annotations", {})
    ]
    assert forced == ["Deployment"]


def test_changed_setting_changes_the_pod_template(record: Record) -> None:
    before, after = (
        record(operatorWorkers=workers).spec("Deployment")["template"]["metadata"] for workers in ("8", "9")
    )
    assert before != after


def test_same_settings_register_the_same_resources() -> None:
    first, second = record_bundle(), record_bundle()
    assert sorted(map(repr, first.registered)) == sorted(map(repr, second.registered))


def test_crds_and_namespace_are_annotated_with_stack_and_state(record: Record) -> None:
    recording = record()
    definitions = recording.of("CustomResourceDefinition")
    assert [each.inputs["metadata"]["name"] for each in definitions] == [names.RECEIVER_CRD, names.CRD]
    for each in (*definitions, recording.one("Namespace")):
        owner = Owner.parse(each.inputs["metadata"]["annotations"]["kubernaut.ai/owner"])
        assert owner.stack.endswith("/notification-platform/test")
        assert (owner.state, owner.cluster) == (NEW_STATE, "")
