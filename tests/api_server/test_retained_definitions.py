"""A new definition over one that is already in the cluster: compared before it is created, with a real API server and engine."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest

from notification_contract.crds import notification_receiver, notification_request
from platform_infra import names
from tests.harness.shared_clusters import STACK, Team

if TYPE_CHECKING:
    from tests.harness.shared_clusters import SharedCluster

pytestmark = [pytest.mark.xdist_group("shared-clusters"), pytest.mark.timeout(240, func_only=True)]
ADOPT = ("--adopt", "--yes")
REASONS = (
    "v1alpha1.spec.priority: 'urgent' no longer allowed",
    "v1alpha1.spec.subject: maxLength changed from 900 to 500",
    "v1alpha1.spec.ticket: the field was removed",
    "v1alpha1.spec.description: maxLength changed from 9000 to",
)


def fields_of(definition: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a definition's spec."""
    (version,) = definition["spec"]["versions"]
    fields: dict[str, Any] = version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    return fields


def wider() -> tuple[dict[str, Any], dict[str, Any]]:
    """Return both definitions as another installation had them, without an owner."""
    requests, receivers = copy.deepcopy(notification_request()), copy.deepcopy(notification_receiver())
    fields_of(requests)["priority"]["enum"].append("urgent")
    fields_of(requests)["subject"]["maxLength"] = 900
    fields_of(requests)["ticket"] = {"type": "string", "maxLength": 20}
    fields_of(receivers)["description"]["maxLength"] = 9000
    return requests, receivers


def what_a_program_writes(cluster: SharedCluster) -> tuple[Any, ...]:
    """Return what identifies the spec and the metadata of a CRD; the API server writes its status after the creation."""
    metadata = cluster.definition()
    return metadata.uid, metadata.generation, metadata.annotations, metadata.labels


def test_wider_definitions_without_a_state_are_refused_with_every_reason(
    team: Team, cluster: SharedCluster
) -> None:
    for definition in wider():
        cluster.definitions.create_custom_resource_definition(definition)
    before = what_a_program_writes(cluster)
    assert team.checkout.pulumi("stack", "init", STACK).code == 0
    message = team.refused("up", STACK, *ADOPT)
    assert [reason for reason in REASONS if reason not in message] == [], message
    assert "crdAllowIncompatible" in message
    assert what_a_program_writes(cluster) == before

    team.configure("there", crdAllowIncompatible=True)
    cluster.upserts()
    team.up(*ADOPT)
    assert cluster.definition().annotations[names.CRD_OWNER]


def test_same_definitions_without_a_state_are_adopted_on_request(team: Team, cluster: SharedCluster) -> None:
    for definition in (notification_request(), notification_receiver()):
        cluster.definitions.create_custom_resource_definition(definition)
    before = what_a_program_writes(cluster)
    for command in ("up", "diff"):
        assert f"CustomResourceDefinition {names.CRD}: owner none" in team.platform(command, STACK).text
    assert what_a_program_writes(cluster) == before
    assert cluster.namespace() is None

    cluster.upserts()
    team.up(*ADOPT)
    assert cluster.definition().annotations[names.CRD_OWNER]
