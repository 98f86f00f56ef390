"""Drills on a schedule: the CronJob, its account, its traffic, and settings that would be useless or alarm for nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from notification_contract.names import DRILL_JOB_LABELS
from platform_infra import names
from platform_infra.settings.reader import SettingsError, parse
from tests.unit.infra.test_rbac import grants

if TYPE_CHECKING:
    from tests.kit.recording import Recording
    from tests.unit.infra.conftest import Record

WEEKLY = {"drillSchedule": "0 9 * * 1"}
SWITCH = {"monitoringExternalHeartbeatSecret": "dead-mans-switch"}
GRANTED = [
    ("kubernaut.ai", "notificationreceivers", ("list",)),
    ("kubernaut.ai", "notificationrequests", ("create", "get")),
]
ACCOUNT = {"kind": "ServiceAccount", "name": "notification-drill", "namespace": "notification-system"}


def pod_template(recording: Recording) -> dict[str, Any]:
    template: dict[str, Any] = recording.spec("CronJob")["jobTemplate"]["spec"]["template"]
    return template


def container(recording: Recording) -> dict[str, Any]:
    (only,) = pod_template(recording)["spec"]["containers"]
    assert isinstance(only, dict)
    return only


def problems(**values: str) -> list[str]:
    with pytest.raises(SettingsError) as refusal:
        parse(values)
    return [str(problem) for problem in refusal.value.problems]


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"drillTimeZone": "Europe/Berlin"},
        # People must not get the drills of every pull request.
        {
            **WEEKLY,
            "previewNumber": "7",
            "operatorNamespace": "preview-7",
            "watchNamespaces": '["preview-7"]',
        },
    ],
)
def test_stack_without_a_schedule_and_a_preview_have_no_drills(
    record: Record, values: dict[str, str]
) -> None:
    recording = record(**values)
    # The policy is that of the cluster: other stacks can have drills.
    named = {entry.name for entry in recording.registered if "drill" in entry.name}
    assert named <= {"platform-admission-notification-drills"}


def test_schedule_runs_one_drill_at_a_time_and_repeats_none(record: Record) -> None:
    recording = record(**WEEKLY, drillTimeZone="Europe/Berlin")
    spec = recording.spec("CronJob")
    assert (spec["schedule"], spec["timeZone"]) == ("0 9 * * 1", "Europe/Berlin")
    assert spec["concurrencyPolicy"] == "Forbid"
    assert (spec["successfulJobsHistoryLimit"], spec["failedJobsHistoryLimit"]) == (3, 3)
    job = spec["jobTemplate"]["spec"]
    assert (job["backoffLimit"], job["activeDeadlineSeconds"]) == (0, 3600)
    assert pod_template(recording)["spec"]["restartPolicy"] == "Never"


def test_pod_that_an_eviction_ends_is_replaced(record: Record) -> None:
    job = record(**WEEKLY).spec("CronJob")["jobTemplate"]["spec"]
    disrupted = [{"type": "DisruptionTarget", "status": "True"}]
    assert job["podFailurePolicy"] == {"rules": [{"action": "Ignore", "onPodConditions": disrupted}]}


@pytest.mark.parametrize(("requested", "expected"), [("0", "0"), ("8Mi", "8Mi"), ("128Mi", "16Mi")])
def test_drill_requests_no_more_local_storage_than_its_limit(
    record: Record, requested: str, expected: str
) -> None:
    recording = record(**WEEKLY, operatorEphemeralStorageRequest=requested)
    resources = container(recording)["resources"]
    assert resources["limits"]["ephemeral-storage"] == "16Mi"
    assert resources["requests"]["ephemeral-storage"] == expected


@pytest.mark.parametrize(("limit", "requested"), [("", "10m"), ("0.5", "10m"), ("5m", "5m")])
def test_drill_has_the_cpu_limit_of_the_operator(record: Record, limit: str, requested: str) -> None:
    recording = record(**WEEKLY, operatorCpuRequest="0", operatorCpuLimit=limit)
    resources = container(recording)["resources"]
    assert resources["limits"].get("cpu", "") == limit
    assert resources["requests"]["cpu"] == requested


def test_drill_runs_the_command_line_of_the_operator_image(record: Record) -> None:
    recording = record(**WEEKLY)
    assert container(recording)["image"] == recording.container["image"]
    assert container(recording)["command"] == ["notif"]
    assert container(recording)["args"] == ["drill", "-A", "--timeout", "5m", "-o", "json", "--yes"]


def test_listed_namespaces_are_drilled_alone(record: Record) -> None:
    recording = record(**WEEKLY, watchNamespaces='["shop","bank"]')
    assert container(recording)["args"][:3] == ["drill", "-n", "shop,bank"]


def test_pod_meets_the_restricted_standard_with_bounded_resources(record: Record) -> None:
    recording = record(**WEEKLY)
    security = container(recording)["securityContext"]
    assert security == recording.container["securityContext"]
    assert pod_template(recording)["spec"]["securityContext"] == recording.pod["securityContext"]
    resources = container(recording)["resources"]
    assert resources["requests"].keys() >= {"cpu", "memory"}
    assert resources["limits"].keys() >= {"memory", "ephemeral-storage"}
    assert resources["requests"]["ephemeral-storage"] == "0"


def test_pod_is_placed_as_the_operator_is(record: Record) -> None:
    recording = record(
        **WEEKLY,
        placementNodeSelector='{"pool": "platform"}',
        placementZoneSpread="required",
        operatorImagePullSecrets='["registry"]',
    )
    spec = pod_template(recording)["spec"]
    assert spec["nodeSelector"] == {"pool": "platform"}
    assert spec["imagePullSecrets"] == [{"name": "registry"}]
    assert "topologySpreadConstraints" not in spec


def test_nothing_that_selects_the_operator_selects_the_pods_of_drills(record: Record) -> None:
    labels = pod_template(record(**WEEKLY))["metadata"]["labels"]
    assert names.selector().items().isdisjoint(labels.items())
    assert names.drill_selector().items() <= labels.items()


def test_account_may_list_receivers_and_create_and_read_notifications(record: Record) -> None:
    recording = record(**WEEKLY)
    assert pod_template(recording)["spec"]["serviceAccountName"] == "notification-drill"
    assert grants(recording.named("ClusterRole", "drill").inputs) == GRANTED
    binding = recording.named("ClusterRoleBinding", "drill").inputs
    assert binding["subjects"] == [ACCOUNT]
    assert binding["roleRef"]["name"] == "notification-operator.notification-system.drill"
    assert [entry for entry in recording.of("Role") if "drill" in entry.name] == []


def test_listed_namespaces_have_a_role_each_and_no_cluster_role(record: Record) -> None:
    recording = record(**WEEKLY, watchNamespaces='["shop","notification-system"]')
    roles = [entry.inputs for entry in recording.of("Role") if entry.part.startswith("drill")]
    assert {role["metadata"]["namespace"]: grants(role) for role in roles} == {
        "shop": GRANTED,
        "notification-system": GRANTED,
    }
    bindings = [entry.inputs for entry in recording.of("RoleBinding") if entry.part.startswith("drill")]
    assert [binding["subjects"] for binding in bindings] == [[ACCOUNT], [ACCOUNT]]
    assert {binding["metadata"]["namespace"] for binding in bindings} == {"shop", "notification-system"}
    assert "drill" not in {entry.part for entry in recording.of("ClusterRole")}


@pytest.mark.parametrize("watched", ["[]", '["shop","notification-system"]'])
def test_stack_without_types_elsewhere_drills_its_own_namespace_alone(record: Record, watched: str) -> None:
    recording = record(**WEEKLY, receiversTypesElsewhere="[]", watchNamespaces=watched)
    assert container(recording)["args"][:3] == ["drill", "-n", "notification-system"]
    (role,) = [entry.inputs for entry in recording.of("Role") if entry.part.startswith("drill")]
    assert role["metadata"]["namespace"] == "notification-system"
    assert "drill" not in {entry.part for entry in recording.of("ClusterRole")}


def test_pod_reaches_the_api_server_alone(record: Record) -> None:
    values = {"networkApiServerCidrs": '["10.96.0.1/32"]', "networkReceiverCidrs": '["0.0.0.0/0"]'}
    spec = record(**WEEKLY, **values).named("NetworkPolicy", "drill").inputs["spec"]
    assert spec["podSelector"]["matchLabels"] == names.drill_selector()
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert "ingress" not in spec
    (rule,) = spec["egress"]
    assert rule["to"] == [{"ipBlock": {"cidr": "10.96.0.1/32"}}]
    assert [port["port"] for port in rule["ports"]] == [443, 6443]


def test_every_child_belongs_to_the_component(record: Record) -> None:
    recording = record(**WEEKLY)
    component = recording.one("Drills")
    children = {(entry.kind, entry.part) for entry in recording.registered if entry.parent == component.urn}
    assert children == {
        (kind, "drill")
        for kind in ("ServiceAccount", "ClusterRole", "ClusterRoleBinding", "NetworkPolicy", "CronJob")
    }


def test_drill_waits_for_the_operator(record: Record) -> None:
    recording = record(**WEEKLY)
    assert recording.one("Deployment").urn in recording.one("CronJob").dependencies


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (
            {"drillSchedule": "0 25 * * 1"},
            "drillSchedule is '0 25 * * 1', but the hour '25' is not within 0 to 23",
        ),
        (
            {"drillTimeZone": "Berlin"},
            "drillTimeZone is 'Berlin', but must be the name of a time zone in the IANA database",
        ),
        (
            {**WEEKLY, "receiversEnabled": "false"},
            "drillSchedule is set, but receiversEnabled is false, so no drill would be delivered; set receiversEnabled",
        ),
        (
            {**WEEKLY, "operatorEnabled": "false"},
            "drillSchedule is set, but operatorEnabled is false, so no drill would be delivered; set operatorEnabled",
        ),
        (
            {"monitoringExternalHeartbeatSecret": "dead-mans-switch"},
            "monitoringExternalHeartbeatSecret is set, but drillSchedule is empty, so no heartbeat would be sent; set drillSchedule to",
        ),
        (
            {**WEEKLY, "monitoringExternalHeartbeatSecret": "https://ping.example.com/x"},
            "monitoringExternalHeartbeatSecret is 'https://ping.example.com/x', but",
        ),
        (
            {**WEEKLY, **SWITCH, "monitoringExternalHeartbeatEverySeconds": "9"},
            "monitoringExternalHeartbeatEverySeconds is '9', but should be greater than or equal to 10",
        ),
        (
            {**WEEKLY, "monitoringDrillHours": "168"},
            (
                "monitoringDrillHours is 168, but drillSchedule '0 9 * * 1' leaves up to 168 hours between two drills; "
                "set it to at least 169"
            ),
        ),
        (
            {"drillSchedule": "@monthly"},
            (
                "monitoringDrillHours is 192, but drillSchedule '@monthly' leaves up to 744 hours between two drills; "
                "set it to at least 745"
            ),
        ),
    ],
)
def test_useless_setting_is_refused_with_field_value_and_hint(values: dict[str, str], expected: str) -> None:
    (problem,) = problems(**values)
    assert problem.startswith(expected)


def test_limit_without_a_schedule_is_not_compared() -> None:
    assert parse({"monitoringDrillHours": "2"}).monitoring.drill_hours == 2


def test_external_heartbeat_reads_its_secret_by_name_and_drill_jobs(record: Record) -> None:
    def rules(**values: str) -> list[dict[str, Any]]:
        own: list[dict[str, Any]] = record(**WEEKLY, **values).named("Role", "own").inputs["rules"]
        return own

    before, after = rules(), rules(**SWITCH)
    assert [rule for rule in after if rule not in before] == [
        {
            "apiGroups": [""],
            "resources": ["secrets"],
            "verbs": ["list"],
            "resourceNames": ["dead-mans-switch"],
        },
        {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["list"]},
    ]
    assert [rule for rule in after if rule in before] == before


def test_jobs_of_drills_have_the_labels_that_the_operator_selects(record: Record) -> None:
    labels = record(**WEEKLY).spec("CronJob")["jobTemplate"]["metadata"]["labels"]
    assert DRILL_JOB_LABELS.items() <= labels.items()


def test_preview_sends_no_heartbeat() -> None:
    preview = {"previewNumber": "7", "operatorNamespace": "preview-7", "watchNamespaces": '["preview-7"]'}
    assert parse({**WEEKLY, **SWITCH}).monitoring.external_heartbeat.secret == "dead-mans-switch"
    assert parse({**WEEKLY, **SWITCH, **preview}).monitoring.external_heartbeat.secret == ""
