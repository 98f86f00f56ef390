"""The operator's permissions, by resource and verb."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pulumi
import pytest

from tests.kit.recording import record_bundle

if TYPE_CHECKING:
    from tests.unit.infra.conftest import Record

SERVED = [
    ("kubernaut.ai", "notificationrequests", ("get", "list", "watch")),
    ("kubernaut.ai", "notificationrequests/status", ("update",)),
]
RETENTION = [("kubernaut.ai", "notificationrequests", ("delete",))]
EVENTS = [("events.k8s.io", "events", ("create",))]
READ = ("get", "list", "watch")
RECEIVERS = [
    ("kubernaut.ai", "notificationreceivers", READ),
    ("kubernaut.ai", "notificationreceivers/status", ("update",)),
]
REFERENCES = [("", "secrets", ("list", "watch")), ("", "configmaps", ("list", "watch"))]
NAMESPACES = [("", "namespaces", ("list", "watch"))]
WITHOUT_RECEIVERS = {"receiversEnabled": "false"}
USER_ROLES = {"notifications-sender", "notifications-viewer", "receivers-editor"}
OWN = [
    ("coordination.k8s.io", "leases", ("list", "create")),
    ("coordination.k8s.io", "leases", ("update",)),
    ("", "configmaps", ("list", "watch")),
]


def grants(role: dict[str, Any]) -> list[tuple[str, str, tuple[str, ...]]]:
    """Return the rules of a role, one entry per resource."""
    return [
        (group, resource, tuple(rule["verbs"]))
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    ]


def test_operator_has_exactly_these_permissions(record: Record) -> None:
    recording = record()
    everywhere = SERVED + RETENTION + EVENTS + RECEIVERS + NAMESPACES
    assert grants(recording.named("ClusterRole", "served").inputs) == everywhere
    assert grants(recording.one("Role").inputs) == OWN + EVENTS
    assert recording.one("Role").inputs["metadata"]["namespace"] == "notification-system"


def test_grants_have_no_wildcard_and_no_status_patch(record: Record) -> None:
    for values in (
        {},
        {"watchNamespaces": '["a"]', "receiversNamespaced": "true"},
        {"watchNamespaceSelector": "a=b"},
    ):
        recording = record(**values)
        roles = [role for role in recording.of("ClusterRole") if role.part not in USER_ROLES]
        for role in recording.of("Role") + roles:
            for group, resource, verbs in grants(role.inputs):
                assert "*" not in (group, resource, *verbs)
                assert "patch" not in verbs


def test_namespace_access_needs_a_namespace_selector_or_receivers(record: Record) -> None:
    for values, expected in (
        ({"watchNamespaceSelector": "team=web"} | WITHOUT_RECEIVERS, NAMESPACES),
        ({}, RECEIVERS + NAMESPACES),
        (WITHOUT_RECEIVERS, []),
    ):
        permissions = grants(record(**values).named("ClusterRole", "served").inputs)
        assert permissions == SERVED + RETENTION + EVENTS + expected


def test_references_of_the_receivers_of_the_stack_are_granted_by_name(record: Record) -> None:
    hook = {"type": "webhook", "webhook": {"urlSecretRef": {"name": "hook"}}}
    texts = {"template": {"configMapRef": {"name": "texts"}}}
    receivers = [
        {"name": "a", "spec": hook, "existingSecrets": ["hook"]},
        {"name": "b", "spec": {**hook, **texts}, "existingSecrets": ["hook"]},
    ]
    role = record(receivers=json.dumps(receivers)).one("Role").inputs
    named = {
        rule["resources"][0]: rule["resourceNames"]
        for rule in role["rules"][-2:]
        if rule["verbs"] == ["list", "watch"]
    }
    assert named == {"secrets": ["hook"], "configmaps": ["texts"]}


def test_disabled_receivers_read_no_secret(record: Record) -> None:
    for values in ({}, {"watchNamespaces": '["a"]'}):
        recording = record(**values, **WITHOUT_RECEIVERS, receiversNamespaced="true")
        roles = [role for role in recording.of("ClusterRole") if role.part not in USER_ROLES]
        resources = {
            resource for role in recording.of("Role") + roles for _, resource, _ in grants(role.inputs)
        }
        assert resources.isdisjoint({"secrets", "notificationreceivers", "notificationreceivers/status"})


def test_references_are_read_in_the_namespace_of_the_operator_only(record: Record) -> None:
    recording = record(watchNamespaces='["a"]', receiversReadAll="true")
    roles = {role.inputs["metadata"]["namespace"]: grants(role.inputs) for role in recording.of("Role")}
    assert roles["notification-system"] == OWN + EVENTS + RECEIVERS + REFERENCES
    assert roles["a"] == SERVED + RETENTION + EVENTS + RECEIVERS


def test_namespaced_receivers_read_references_by_a_role_per_namespace(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    warnings = warned(monkeypatch)
    recording = record_bundle(watchNamespaces='["a","b"]', receiversNamespaced="true")
    assert {role.part for role in recording.of("ClusterRole")} == USER_ROLES
    roles = {role.inputs["metadata"]["namespace"]: grants(role.inputs) for role in recording.of("Role")}
    for namespace in ("a", "b"):
        assert roles[namespace] == SERVED + RETENTION + EVENTS + RECEIVERS + REFERENCES
    assert warnings == []


@pytest.mark.parametrize("values", [{}, {"watchNamespaceSelector": "team=web"}])
def test_cluster_role_that_reads_every_secret_is_announced(
    monkeypatch: pytest.MonkeyPatch, values: dict[str, Any]
) -> None:
    warnings = warned(monkeypatch)
    recording = record_bundle(**values, receiversNamespaced="true")
    everywhere = SERVED + RETENTION + EVENTS + RECEIVERS + REFERENCES + NAMESPACES
    assert grants(recording.named("ClusterRole", "served").inputs) == everywhere
    (warning,) = warnings
    assert "can read every Secret" in warning
    assert "watchNamespaces" in warning


def warned(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the list that gets the warnings of the program."""
    warnings: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", lambda message, **_where: warnings.append(message))
    return warnings


def test_update_is_limited_to_the_lease_of_the_operator(record: Record) -> None:
    for values, expected in (({}, "notification-operator"), ({"leaderElectionLeaseName": "mine"}, "mine")):
        rules = record(**values).one("Role").inputs["rules"]
        (update,) = [rule for rule in rules if rule["verbs"] == ["update"]]
        assert update["resources"] == ["leases"]
        assert update["resourceNames"] == [expected]


def test_leases_of_replicas_need_several_shards(record: Record) -> None:
    sharding = ("coordination.k8s.io", "leases", ("update", "delete"))
    assert grants(record(operatorShards="4").one("Role").inputs) == [*OWN, sharding, *EVENTS]


def test_namespace_list_needs_no_cluster_role(record: Record) -> None:
    recording = record(watchNamespaces='["a","b"]')
    assert {role.part for role in recording.of("ClusterRole")} == USER_ROLES
    assert recording.of("ClusterRoleBinding") == []
    roles = {role.inputs["metadata"]["namespace"]: grants(role.inputs) for role in recording.of("Role")}
    served = SERVED + RETENTION + EVENTS + RECEIVERS
    own = OWN + EVENTS + RECEIVERS
    assert roles == {"notification-system": own, "a": served, "b": served}


def test_without_receivers_only_the_routing_config_map_is_read(record: Record) -> None:
    rules = record(**WITHOUT_RECEIVERS).one("Role").inputs["rules"]
    (config_maps,) = [rule for rule in rules if rule["resources"] == ["configmaps"]]
    assert config_maps["resourceNames"] == ["notification-routing-config"]


def test_disabled_events_remove_the_event_permissions(record: Record) -> None:
    recording = record(eventsLevel="none", **WITHOUT_RECEIVERS)
    assert grants(recording.named("ClusterRole", "served").inputs) == SERVED + RETENTION
    assert grants(recording.one("Role").inputs) == OWN


def test_cluster_role_names_differ_by_namespace(record: Record) -> None:
    one, other = (
        record(operatorNamespace=ns).named("ClusterRole", "served").inputs["metadata"]["name"]
        for ns in ("a", "b")
    )
    assert one != other


def test_bindings_bind_their_role_to_the_operator_account(record: Record) -> None:
    recording = record(watchNamespaces='["a"]')
    account = {"kind": "ServiceAccount", "name": "notification-operator", "namespace": "notification-system"}
    for binding in recording.of("RoleBinding"):
        (role,) = [entry for entry in recording.of("Role") if entry.part == binding.part]
        assert binding.inputs["subjects"] == [account]
        assert binding.inputs["roleRef"]["name"] == role.inputs["metadata"]["name"]
        assert binding.inputs["metadata"]["namespace"] == role.inputs["metadata"]["namespace"]


def test_disabled_retention_removes_the_delete_permission(record: Record) -> None:
    everywhere = record(retentionEnabled="false").named("ClusterRole", "served")
    assert grants(everywhere.inputs) == SERVED + EVENTS + RECEIVERS + NAMESPACES
    for role in record(retentionEnabled="false", watchNamespaces='["a"]').of("Role"):
        assert "delete" not in {verb for _, _, verbs in grants(role.inputs) for verb in verbs}
