"""The operator's permissions, verb by verb."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.unit.infra.conftest import Record

SERVED = [
    ("kubernaut.ai", "notificationrequests", ("get", "list", "watch")),
    ("kubernaut.ai", "notificationrequests/status", ("update",)),
]
RETAIN = [("kubernaut.ai", "notificationrequests", ("delete",))]
EVENTS = [("events.k8s.io", "events", ("create", "patch"))]
OWN = [
    ("coordination.k8s.io", "leases", ("list", "create", "update")),
    ("", "configmaps", ("list", "watch")),
]


def grants(role: dict[str, Any]) -> list[tuple[str, str, tuple[str, ...]]]:
    """A role's rules, one resource a row."""
    return [
        (group, resource, tuple(rule["verbs"]))
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    ]


def test_the_operator_may_do_this_and_nothing_else(record: Record) -> None:
    recording = record()
    assert grants(recording.one("ClusterRole").inputs) == SERVED + RETAIN + EVENTS
    assert grants(recording.one("Role").inputs) == OWN + EVENTS
    assert recording.one("Role").inputs["metadata"]["namespace"] == "notification-system"


def test_no_grant_names_a_wildcard_or_lets_a_status_be_patched(record: Record) -> None:
    for values in ({}, {"watchNamespaces": '["a"]'}, {"watchNamespaceSelector": "a=b"}):
        recording = record(**values)
        for role in recording.of("Role") + recording.of("ClusterRole"):
            for group, resource, verbs in grants(role.inputs):
                assert "*" not in (group, resource, *verbs)
                assert "patch" not in verbs or resource == "events"


def test_namespaces_are_read_only_where_they_are_chosen_by_label(record: Record) -> None:
    chosen = grants(record(watchNamespaceSelector="team=web").one("ClusterRole").inputs)
    assert chosen == [*SERVED, *RETAIN, *EVENTS, ("", "namespaces", ("list", "watch"))]


def test_leases_are_deleted_only_where_replicas_share_the_work(record: Record) -> None:
    share = ("coordination.k8s.io", "leases", ("delete",))
    assert grants(record(operatorShards="4").one("Role").inputs) == [*OWN, share, *EVENTS]


def test_a_list_of_namespaces_needs_no_permission_in_the_cluster(record: Record) -> None:
    recording = record(watchNamespaces='["a","b"]')
    assert recording.of("ClusterRole") == recording.of("ClusterRoleBinding") == []
    roles = {role.inputs["metadata"]["namespace"]: grants(role.inputs) for role in recording.of("Role")}
    served = SERVED + RETAIN + EVENTS
    assert roles == {"notification-system": OWN + EVENTS, "a": served, "b": served}


def test_of_all_config_maps_the_operator_sees_the_one_with_the_routing_rules(record: Record) -> None:
    for rule in record().one("Role").inputs["rules"]:
        wanted = ["notification-routing-config"] if rule["resources"] == ["configmaps"] else None
        assert rule.get("resourceNames") == wanted


def test_an_operator_that_posts_no_events_may_post_none(record: Record) -> None:
    recording = record(eventsLevel="none")
    assert grants(recording.one("ClusterRole").inputs) == SERVED + RETAIN
    assert grants(recording.one("Role").inputs) == OWN


def test_two_operators_of_one_cluster_do_not_share_a_name(record: Record) -> None:
    one, other = (
        record(operatorNamespace=ns).one("ClusterRole").inputs["metadata"]["name"] for ns in ("a", "b")
    )
    assert one != other


def test_each_binding_gives_its_role_to_the_operator_s_account(record: Record) -> None:
    recording = record(watchNamespaces='["a"]')
    account = {"kind": "ServiceAccount", "name": "notification-operator", "namespace": "notification-system"}
    for binding in recording.of("RoleBinding"):
        (role,) = [entry for entry in recording.of("Role") if entry.name == binding.name]
        assert binding.inputs["subjects"] == [account]
        assert binding.inputs["roleRef"]["name"] == role.inputs["metadata"]["name"]
        assert binding.inputs["metadata"]["namespace"] == role.inputs["metadata"]["namespace"]


def test_an_operator_that_deletes_nothing_may_delete_nothing(record: Record) -> None:
    everywhere = record(retentionEnabled="false").one("ClusterRole")
    assert grants(everywhere.inputs) == SERVED + EVENTS
    for role in record(retentionEnabled="false", watchNamespaces='["a"]').of("Role"):
        assert "delete" not in {verb for _, _, verbs in grants(role.inputs) for verb in verbs}
