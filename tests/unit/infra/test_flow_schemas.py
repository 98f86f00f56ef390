"""The FlowSchemas: which requests of the operator have which priority, and where there are none (DD-PRIORITY-001)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from platform_infra.workload import rbac

if TYPE_CHECKING:
    from tests.unit.infra.conftest import Record

PREVIEW = {
    "previewNumber": "7",
    "watchNamespaces": '["pr-7"]',
    "operatorNamespace": "pr-7",
    "previewExpires": "2026-01-31T12:00:00Z",
}


def test_leases_and_status_updates_have_their_own_priority(record: Record) -> None:
    recording = record(operatorNamespace="notices")
    levels = {}
    for schema in recording.of("FlowSchema"):
        spec = schema.inputs["spec"]
        ((rule,), (subject,)) = (
            spec["rules"][0]["resourceRules"],
            spec["rules"][0]["subjects"],
        )
        assert subject == {
            "kind": "ServiceAccount",
            "serviceAccount": {"namespace": "notices", "name": "notification-operator"},
        }
        level = spec["priorityLevelConfiguration"]["name"]
        levels[schema.inputs["metadata"]["name"]] = (level, rule["resources"], rule["namespaces"])
        assert spec["matchingPrecedence"] < 9000, "the cluster's FlowSchema `service-accounts` comes later"
    assert levels == {
        "notification-operator.notices.leases": ("leader-election", ["leases"], ["notices"]),
        "notification-operator.notices.status": ("workload-high", ["notificationrequests/status"], ["*"]),
    }


def test_every_granted_verb_on_leases_and_status_is_covered(record: Record) -> None:
    covered = {
        (rule["apiGroups"][0], rule["resources"][0], verb)
        for schema in record().of("FlowSchema")
        for rule in schema.inputs["spec"]["rules"][0]["resourceRules"]
        for verb in rule["verbs"]
    }
    granted = {
        (grant.group, grant.resource, verb)
        for grant in (*rbac.SERVED, *rbac.OWN, *rbac.SHARDING)
        if grant.resource in {"leases", "notificationrequests/status"}
        for verb in grant.verbs
    }
    assert granted <= covered


def test_flow_schemas_can_be_turned_off(record: Record) -> None:
    assert record(operatorFlowSchemas="false").of("FlowSchema") == []
    assert record(operatorEnabled="false").of("FlowSchema") == []


def test_preview_has_no_flow_schema(record: Record) -> None:
    assert record(**PREVIEW).of("FlowSchema") == []


def test_leases_of_the_gateway_have_the_priority_of_those_of_the_operator(record: Record) -> None:
    """By a Lease that is late, the operator would take a gateway that is there for one that is not."""
    recording = record(gatewayEnabled="true", operatorNamespace="notices")
    accounts = {
        schema.part: [subject["serviceAccount"] for subject in schema.inputs["spec"]["rules"][0]["subjects"]]
        for schema in recording.of("FlowSchema")
    }
    own = {"namespace": "notices", "name": "notification-operator"}
    assert accounts == {
        "leases": [own, {"namespace": "notices", "name": "notification-gateway"}],
        "status": [own],
    }
