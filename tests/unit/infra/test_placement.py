"""Placement and protection settings, and the errors for invalid values."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from notification_contract.quantity import amount
from notification_runtime.render_worker import MEMORY
from platform_infra.settings.reader import SettingsError, parse
from platform_infra.settings.rules.rule import WORKER_MEBIBYTES
from platform_infra.workload.placement import pod_fields

if TYPE_CHECKING:
    from tests.unit.infra.conftest import Record

UNSET = {"imagePullSecrets", "priorityClassName", "nodeSelector", "tolerations", "topologySpreadConstraints"}
FILES = {"channelsFileEnabled": "true", "channelsFileVolume": "hostPath"}
DATA = {"CustomResourceDefinition", "Namespace", "PersistentVolume", "PersistentVolumeClaim"}


def problems_of(**values: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        parse(values)
    return [str(problem) for problem in caught.value.problems]


def test_unset_placement_fields_are_absent_from_the_pod(record: Record) -> None:
    assert UNSET.isdisjoint(record().pod)


def test_placement_settings_appear_in_the_pod(record: Record) -> None:
    toleration = {"key": "dedicated", "value": "infra", "effect": "NoExecute", "tolerationSeconds": 60}
    pod = record(
        operatorImagePullSecrets='["registry"]',
        placementPriorityClass="important",
        placementNodeSelector='{"pool": "infra"}',
        placementTolerations=json.dumps([toleration, {"operator": "Exists"}]),
    ).pod
    assert pod["imagePullSecrets"] == [{"name": "registry"}]
    assert pod["priorityClassName"] == "important"
    assert pod["nodeSelector"] == {"pool": "infra"}
    assert pod["tolerations"] == [toleration | {"operator": "Equal"}, {"operator": "Exists"}]


SPREAD = {"Zone": "topology.kubernetes.io/zone", "Node": "kubernetes.io/hostname"}


@pytest.mark.parametrize("over", SPREAD)
@pytest.mark.parametrize(
    ("spread", "when_unsatisfiable"), [("preferred", "ScheduleAnyway"), ("required", "DoNotSchedule")]
)
def test_spread_adds_a_topology_constraint(
    record: Record, over: str, spread: str, when_unsatisfiable: str
) -> None:
    values = {"placementZoneSpread": "none", "placementNodeSpread": "none", f"placement{over}Spread": spread}
    recording = record(operatorReplicas="3", **values)
    (constraint,) = recording.pod["topologySpreadConstraints"]
    assert constraint["topologyKey"] == SPREAD[over]
    assert constraint["whenUnsatisfiable"] == when_unsatisfiable
    labels = recording.spec("Deployment")["template"]["metadata"]["labels"].items()
    assert constraint["labelSelector"]["matchLabels"].items() <= labels


def test_replicas_are_spread_over_nodes_by_default(record: Record) -> None:
    (constraint,) = record(operatorReplicas="2").pod["topologySpreadConstraints"]
    assert (constraint["topologyKey"], constraint["whenUnsatisfiable"]) == (SPREAD["Node"], "ScheduleAnyway")
    both = record(operatorReplicas="2", placementZoneSpread="required").pod["topologySpreadConstraints"]
    assert [entry["topologyKey"] for entry in both] == [SPREAD["Zone"], SPREAD["Node"]]


def test_pod_has_its_own_user_namespace_on_request(record: Record) -> None:
    cluster = {"clusterKind": "existing", "clusterKubeconfig": "/a/kubeconfig", "clusterContext": "here"}
    assert "hostUsers" not in record().pod
    with pytest.raises(SettingsError) as caught:
        record(operatorHostUsers="false")
    assert "operatorHostUsers is false, but the container runtime of a local node" in str(caught.value)
    parsed = parse({**cluster, "operatorHostUsers": "false", "operatorImage": "registry.example/operator:1"})
    assert pod_fields(parsed.placement, parsed.operator) == {"host_users": False}


def test_disruption_budget_follows_the_settings(record: Record) -> None:
    assert record().spec("PodDisruptionBudget")["maxUnavailable"] == 1
    values = {"operatorReplicas": "4", "placementMaxUnavailable": "2"}
    assert record(**values).spec("PodDisruptionBudget")["maxUnavailable"] == 2


def test_cpu_limit_follows_the_settings(record: Record) -> None:
    limits = record(operatorCpuLimit="1").container["resources"]["limits"]
    assert (limits["cpu"], limits["memory"]) == ("1", "256Mi")


def test_protection_covers_exactly_the_resources_with_data(record: Record) -> None:
    assert not any(entry.protected for entry in record(**FILES).registered)
    protected = record(**FILES, protectionData="true").registered
    assert {entry.kind for entry in protected if entry.protected} == DATA


def test_crd_retain_applies_to_the_crds_only(record: Record) -> None:
    assert not any(entry.retained for entry in record(**FILES).registered)
    kept = record(**FILES, crdRetain="true").registered
    assert [entry.kind for entry in kept if entry.retained] == ["CustomResourceDefinition"] * 2


@pytest.mark.parametrize(
    ("value", "place", "reason"),
    [
        ([{"key": "a", "effect": "Never"}], "placementTolerations[0].effect", "'NoSchedule'"),
        ([{"key": "a"}, {"operator": "Equal"}], "placementTolerations[1]", "requires a key"),
        (
            [{"key": "a", "operator": "Exists", "value": "b"}],
            "placementTolerations[0]",
            "cannot have a value",
        ),
        (
            [{"key": "a", "tolerationSeconds": 5}],
            "placementTolerations[0]",
            "requires the effect `NoExecute`",
        ),
        ([{"kee": "a"}], "placementTolerations[0].kee", "not permitted"),
    ],
)
def test_nested_problem_is_reported_by_its_path(value: object, place: str, reason: str) -> None:
    problems = problems_of(placementTolerations=json.dumps(value))
    (problem,) = [text for text in problems if text.startswith(f"{place} is ")]
    assert reason in problem
    assert f"pulumi config set --path '{place}'" in problem


def test_nested_key_with_special_characters_is_quoted() -> None:
    (problem,) = problems_of(placementNodeSelector='{"a.example/-": "x"}')
    assert problem.startswith('placementNodeSelector["a.example/-"] is ')


@pytest.mark.parametrize(
    "values",
    [
        {"operatorReplicas": "2", "placementMaxUnavailable": "2"},
        {"operatorMemoryRequest": "300Mi", "operatorMemoryLimit": "256Mi"},
        {"operatorCpuLimit": "49m"},
        {"operatorEphemeralStorageRequest": "1Gi", "operatorEphemeralStorageLimit": "1G"},
        FILES | {"channelsFileSize": "0"},
    ],
)
def test_contradictory_bounds_are_rejected(values: dict[str, str]) -> None:
    (problem,) = problems_of(**values)
    assert problem.startswith([*values][-1])


@pytest.mark.parametrize(("program", "least"), [("operator", 247), ("gateway", 230)])
def test_memory_limit_without_room_for_the_render_worker_is_refused(program: str, least: int) -> None:
    (problem,) = problems_of(**{f"{program}MemoryLimit": f"{least - 1}Mi"})
    assert problem == (
        f"{program}MemoryLimit is less than the {least}Mi that the {program} and its render worker can take, so the kernel would kill the "
        f"pod; set it to at least {least}Mi"
    )
    parse({f"{program}MemoryLimit": f"{least}Mi"})


def test_room_for_the_render_worker_covers_its_jobs() -> None:
    idle = 19_000_000
    assert MEMORY + idle <= WORKER_MEBIBYTES * 1024 * 1024


def test_single_replica_may_be_drained() -> None:
    assert parse({"placementMaxUnavailable": "1"}).operator.replicas == 1


def test_quantities_are_compared_by_value() -> None:
    assert amount("1000m") == amount("1")
    assert amount("1Ki") == amount("1.024k") == 1024
    assert amount("1Gi") > amount("1G") > amount("999M")
