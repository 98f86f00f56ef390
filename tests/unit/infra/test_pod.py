"""The operator's pod: what it may do, how it is asked, where its files go."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pulumi.runtime import rpc

if TYPE_CHECKING:
    from tests.unit.infra.conftest import Record


def test_the_pod_keeps_to_the_restricted_standard(record: Record) -> None:
    recording = record()
    assert recording.pod["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "runAsGroup": 65532,
        "fsGroup": 65532,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert recording.container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "privileged": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_no_pod_names_a_path_of_its_host(record: Record) -> None:
    for volume in ("emptyDir", "hostPath"):
        volumes = record(channelsFileEnabled="true", channelsFileVolume=volume).pod["volumes"]
        assert not any("hostPath" in entry for entry in volumes)


def test_the_pod_has_ten_seconds_more_than_the_operator_takes_to_stop(record: Record) -> None:
    assert record().pod["terminationGracePeriodSeconds"] == 40
    assert record(operatorGraceSeconds="5").pod["terminationGracePeriodSeconds"] == 15


def test_each_probe_asks_its_own_question(record: Record) -> None:
    container = record().container
    asked = {probe: container[f"{probe}Probe"]["httpGet"] for probe in ("startup", "liveness", "readiness")}
    assert asked == {
        "startup": {"path": "/healthz", "port": "health"},
        "liveness": {"path": "/healthz", "port": "health"},
        "readiness": {"path": "/readyz", "port": "health"},
    }


def test_requests_and_the_memory_limit_are_set(record: Record) -> None:
    assert record(operatorMemoryLimit="300Mi").container["resources"] == {
        "requests": {"cpu": "50m", "memory": "96Mi"},
        "limits": {"memory": "300Mi"},
    }


def test_pods_overlap_only_where_a_lease_decides_between_them(record: Record) -> None:
    assert record().spec("Deployment")["strategy"]["type"] == "RollingUpdate"
    assert record(operatorLeaderElection="false").spec("Deployment")["strategy"] == {"type": "Recreate"}


def test_a_roll_out_that_does_not_progress_is_given_up(record: Record) -> None:
    assert record().spec("Deployment")["progressDeadlineSeconds"] == 120


def test_without_the_file_channel_there_is_no_volume_for_it(record: Record) -> None:
    assert {volume["name"] for volume in record().pod["volumes"]} == {"config", "tmp"}


def test_an_empty_dir_is_mounted_where_the_channel_writes(record: Record) -> None:
    recording = record(channelsFileEnabled="true", channelsFileDirectory="/data")
    assert {"name": "files", "emptyDir": {}} in recording.pod["volumes"]
    assert {"name": "files", "mountPath": "/data"} in recording.container["volumeMounts"]
    assert recording.of("PersistentVolumeClaim") == []


def test_a_directory_of_the_node_is_bound_and_kept(record: Record) -> None:
    recording = record(
        channelsFileEnabled="true", channelsFileVolume="hostPath", channelsFileHostPath="/srv/n"
    )
    volume = recording.spec("PersistentVolume")
    claim = recording.one("PersistentVolumeClaim").inputs
    assert volume["hostPath"]["path"] == "/srv/n"
    assert volume["persistentVolumeReclaimPolicy"] == "Retain"
    assert volume["claimRef"] == {"namespace": "notification-system", "name": claim["metadata"]["name"]}
    assert claim["spec"]["volumeName"] == recording.one("PersistentVolume").inputs["metadata"]["name"]


WEBHOOK = {"channelsSlackEnabled": "true", "channelsSlackWebhookUrl": "http://relay.chat.svc/x"}
NAMED = {"name": "notification-slack-webhook", "key": "webhook-url"}


def test_slack_s_url_reaches_the_operator_through_a_secret_alone(record: Record) -> None:
    recording = record(**WEBHOOK)
    secret = recording.one("Secret").inputs
    assert secret["metadata"]["name"] == NAMED["name"]
    assert secret["metadata"]["namespace"] == "notification-system"
    assert rpc.is_rpc_secret(secret["stringData"])
    content = rpc.unwrap_rpc_secret(secret["stringData"])
    assert content == {NAMED["key"]: WEBHOOK["channelsSlackWebhookUrl"]}
    (variable,) = [entry for entry in recording.container["env"] if entry["name"] == "SLACK_WEBHOOK_URL"]
    assert variable["valueFrom"] == {"secretKeyRef": NAMED}
    others = [entry.inputs for entry in recording.registered if entry.kind != "Secret"]
    assert "relay.chat.svc" not in repr(others)


def test_another_url_makes_other_pods(record: Record) -> None:
    def annotations(url: str) -> dict[str, str]:
        template = record(**WEBHOOK | {"channelsSlackWebhookUrl": url}).spec("Deployment")["template"]
        found: dict[str, str] = template["metadata"]["annotations"]
        return found

    assert annotations("http://a/x") == annotations("http://a/x")
    assert annotations("http://a/x") != annotations("http://a/y")


def test_without_slack_there_is_no_secret_and_nothing_of_it(record: Record) -> None:
    recording = record(channelsSlackWebhookUrl="http://relay.chat.svc/x")
    assert recording.of("Secret") == []
    assert "slack" not in repr(recording.pod).lower()
    assert "slack" not in repr(recording.spec("Deployment")["template"]["metadata"])


def test_the_operator_gets_the_variables_that_a_stack_adds(record: Record) -> None:
    added = {"HTTPS_PROXY": "http://proxy:3128", "NOTIFICATION_AUDIT__BUFFER_SIZE": "50"}
    container = record(operatorEnv=json.dumps(added)).container
    assert added.items() <= {entry["name"]: entry.get("value") for entry in container["env"]}.items()


def test_the_network_policy_lets_probes_in_and_the_listed_ports_out(record: Record) -> None:
    policy = record(networkEgressPorts="[443,8443]").spec("NetworkPolicy")
    assert [port["port"] for port in policy["ingress"][0]["ports"]] == [8081, 9090]
    assert [[port["port"] for port in rule["ports"]] for rule in policy["egress"]] == [[53, 53], [443, 8443]]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
