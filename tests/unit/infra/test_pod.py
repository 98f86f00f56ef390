"""The operator's pod: security, probes, resources and volumes."""

from __future__ import annotations

import json
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import pytest
from pulumi.runtime import rpc

from notification_contract import names
from platform_infra.cluster import ClusterError, Connection
from platform_infra.settings.reader import parse
from tests.kit.recording import record_settings

if TYPE_CHECKING:
    from tests.kit.recording import Recording
    from tests.unit.infra.conftest import Record, SharedCluster


def test_pod_complies_with_the_restricted_standard(record: Record) -> None:
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


def test_pod_has_no_host_path_volume(record: Record) -> None:
    for volume in ("emptyDir", "hostPath"):
        volumes = record(channelsFileEnabled="true", channelsFileVolume=volume).pod["volumes"]
        assert not any("hostPath" in entry for entry in volumes)


def test_termination_grace_is_ten_seconds_longer_than_shutdown(record: Record) -> None:
    assert record().pod["terminationGracePeriodSeconds"] == 40
    assert record(operatorGraceSeconds="5").pod["terminationGracePeriodSeconds"] == 15


def test_probes_use_their_own_endpoints(record: Record) -> None:
    container = record().container
    endpoints = {
        probe: container[f"{probe}Probe"]["httpGet"] for probe in ("startup", "liveness", "readiness")
    }
    assert endpoints == {
        "startup": {"path": "/healthz", "port": "health"},
        "liveness": {"path": "/healthz", "port": "health"},
        "readiness": {"path": "/readyz", "port": "health"},
    }


def test_resource_requests_and_memory_limit_are_set(record: Record) -> None:
    assert record(operatorMemoryLimit="300Mi").container["resources"] == {
        "requests": {"cpu": "50m", "memory": "96Mi", "ephemeral-storage": "0"},
        "limits": {"memory": "300Mi", "ephemeral-storage": str((512 + 64) * MIB)},
    }


@pytest.mark.parametrize(
    ("values", "mebibytes"),
    [
        ({"channelsFileEnabled": "true"}, 512 + 64 + 1024),
        ({"channelsFileEnabled": "true", "channelsFileSize": "2Gi"}, 512 + 64 + 2048),
        ({"channelsFileEnabled": "true", "channelsFileVolume": "pvc"}, 512 + 64),
        ({"operatorEphemeralStorageLimit": "1Gi"}, 1024 + 64),
        ({"channelsFileEnabled": "true", "channelsFileSize": "0"}, None),
    ],
)
def test_local_storage_is_limited_to_log_and_temporary_volumes(
    record: Record, values: dict[str, str], mebibytes: int | None
) -> None:
    limits = record(**values).container["resources"]["limits"]
    assert limits.get("ephemeral-storage") == (None if mebibytes is None else str(mebibytes * MIB))


def test_temporary_volume_of_the_file_channel_has_the_size_of_the_settings(record: Record) -> None:
    for size, expected in (("1Gi", {"sizeLimit": "1Gi"}), ("5Gi", {"sizeLimit": "5Gi"}), ("0", {})):
        recording = record(channelsFileEnabled="true", channelsFileSize=size)
        (volume,) = [each for each in recording.pod["volumes"] if each["name"] == "files"]
        assert volume["emptyDir"] == expected


def test_rolling_update_needs_leader_election(record: Record) -> None:
    assert record().spec("Deployment")["strategy"]["type"] == "RollingUpdate"
    assert record(operatorLeaderElection="false").spec("Deployment")["strategy"] == {"type": "Recreate"}


def test_rollout_has_a_progress_deadline(record: Record) -> None:
    assert record().spec("Deployment")["progressDeadlineSeconds"] == 120


def test_disabled_file_channel_has_no_volume(record: Record) -> None:
    assert {volume["name"] for volume in record().pod["volumes"]} == {"config", "tmp"}


def test_empty_dir_is_mounted_at_the_channel_directory(record: Record) -> None:
    recording = record(channelsFileEnabled="true", channelsFileDirectory="/data")
    assert {"name": "files", "emptyDir": {"sizeLimit": "1Gi"}} in recording.pod["volumes"]
    assert {"name": "files", "mountPath": "/data"} in recording.container["volumeMounts"]
    assert recording.of("PersistentVolumeClaim") == []


def test_host_path_is_bound_by_a_retained_volume(record: Record) -> None:
    recording = record(
        channelsFileEnabled="true", channelsFileVolume="hostPath", channelsFileHostPath="/srv/n"
    )
    volume = recording.spec("PersistentVolume")
    claim = recording.one("PersistentVolumeClaim").inputs
    assert volume["hostPath"]["path"] == "/srv/n"
    assert volume["persistentVolumeReclaimPolicy"] == "Retain"
    assert volume["claimRef"] == {"namespace": "notification-system", "name": claim["metadata"]["name"]}
    assert claim["spec"]["volumeName"] == recording.one("PersistentVolume").inputs["metadata"]["name"]


CLAIM = "PersistentVolumeClaim notification-system/notification-operator-files"
VOLUME = "PersistentVolume notification-operator.notification-system"
FAST = {CLAIM: {"storageClassName": "fast", "volumeName": "pvc-1"}}
DIRECTORY = {
    CLAIM: {"storageClassName": "", "volumeName": "notification-operator.notification-system"},
    VOLUME: {"hostPath": {"path": "/var/lib/notifications"}},
}


def record_files(**values: str) -> Recording:
    """Record a stack with the file channel in a cluster of others."""
    there = {
        "clusterKind": "existing",
        "clusterKubeconfig": "/k",
        "clusterContext": "c",
        "operatorImage": "i",
    }
    connection = Connection(kubeconfig="apiVersion: v1", context="c", lasting=True)
    settings = parse(there | {"channelsFileEnabled": "true"} | values)
    return record_settings(settings, connect=lambda _child: connection)


@pytest.mark.parametrize(
    ("present", "values", "expected"),
    [
        (
            FAST,
            {"channelsFileVolume": "pvc", "channelsFileStorageClass": "slow"},
            "channelsFileStorageClass is 'slow', but the file channel has 'fast' in the cluster",
        ),
        (
            FAST,
            {"channelsFileVolume": "hostPath"},
            "channelsFileVolume is 'hostPath', but the file channel has 'pvc' in the cluster",
        ),
        (
            DIRECTORY,
            {"channelsFileVolume": "pvc"},
            "channelsFileVolume is 'pvc', but the file channel has 'hostPath' in the cluster",
        ),
        (
            DIRECTORY,
            {"channelsFileVolume": "hostPath", "channelsFileHostPath": "/srv/n"},
            "channelsFileHostPath is '/srv/n', but the file channel has '/var/lib/notifications' in the cluster",
        ),
    ],
)
def test_volume_that_pods_use_is_not_replaced(
    shared_cluster: SharedCluster, present: dict[str, Any], values: dict[str, str], expected: str
) -> None:
    shared_cluster.specs = present
    with pytest.raises(ClusterError) as caught:
        record_files(**values)
    text = str(caught.value)
    assert text.startswith(expected)
    assert "set channelsFileEnabled to false and run `up`" in text


@pytest.mark.parametrize(
    ("present", "values"),
    [
        ({}, {"channelsFileVolume": "pvc", "channelsFileStorageClass": "slow"}),
        (FAST, {"channelsFileVolume": "pvc", "channelsFileStorageClass": "fast"}),
        (FAST, {"channelsFileVolume": "pvc"}),
        (FAST, {"channelsFileVolume": "emptyDir"}),
        (FAST, {"channelsFileVolume": "hostPath", "channelsFileEnabled": "false"}),
        (DIRECTORY, {"channelsFileVolume": "hostPath", "channelsFileSize": "2Gi"}),
        ({CLAIM: {}}, {"channelsFileVolume": "hostPath"}),
    ],
)
def test_volume_that_stays_is_accepted(
    shared_cluster: SharedCluster, present: dict[str, Any], values: dict[str, str]
) -> None:
    shared_cluster.specs = present
    record_files(**values).one("Deployment")


def test_size_of_a_directory_of_the_node_never_changes(record: Record) -> None:
    """The API server refuses a change of a bound claim, and the directory has no size."""
    bound = record(channelsFileEnabled="true", channelsFileVolume="hostPath")
    assert bound.one("PersistentVolume").ignored == ("spec.capacity",)
    assert bound.one("PersistentVolumeClaim").ignored == ("spec.resources",)
    claimed = record(channelsFileEnabled="true", channelsFileVolume="pvc")
    assert claimed.one("PersistentVolumeClaim").ignored == ()


MIB = 1024 * 1024
STORE = {"auditUrl": "https://audit.example.com", "auditTokenAudience": "audit.example.com"}


def test_audit_token_is_projected_with_its_own_audience(record: Record) -> None:
    recording = record(**STORE)
    token = {"audience": "audit.example.com", "expirationSeconds": 3600, "path": "token"}
    volume = {"name": "audit-token", "projected": {"sources": [{"serviceAccountToken": token}]}}
    assert volume in recording.pod["volumes"]
    (mount,) = [each for each in recording.container["volumeMounts"] if each["name"] == "audit-token"]
    assert mount == {
        "name": "audit-token",
        "mountPath": str(PurePosixPath(names.AUDIT_TOKEN_FILE).parent),
        "readOnly": True,
    }


def test_audit_store_without_an_audience_gets_no_token(record: Record) -> None:
    recording = record(auditUrl="http://audit.example.com")
    assert {volume["name"] for volume in recording.pod["volumes"]} == {"config", "tmp"}


def test_audit_file_has_a_bounded_volume_of_its_own(record: Record) -> None:
    trail = {"auditFile": "/audit/trail.jsonl", "auditFileMaxBytes": "1024", "auditFileCount": "3"}
    recording = record(**trail)
    size = str(4 * 1024 + 16 * 1024**2)
    assert {"name": "audit-file", "emptyDir": {"sizeLimit": size}} in recording.pod["volumes"]
    assert {"name": "audit-file", "mountPath": "/audit"} in recording.container["volumeMounts"]
    assert recording.spec("Deployment")["strategy"]["type"] == "RollingUpdate"


def test_claimed_audit_file_is_never_shared_by_two_pods(record: Record) -> None:
    recording = record(auditFile="/audit/trail.jsonl", auditFileClaim="trail")
    claim = {"name": "audit-file", "persistentVolumeClaim": {"claimName": "trail"}}
    assert claim in recording.pod["volumes"]
    assert recording.spec("Deployment")["strategy"] == {"type": "Recreate"}


WEBHOOK = {"channelsSlackEnabled": "true", "channelsSlackWebhookUrl": "http://relay.chat.svc:443/x"}
NAMED = {"name": "notification-slack-webhook", "key": "webhook-url"}


def test_slack_url_is_stored_only_in_a_secret(record: Record) -> None:
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


def test_changed_slack_url_changes_the_pod_annotations(record: Record) -> None:
    def annotations(url: str) -> dict[str, str]:
        template = record(**WEBHOOK | {"channelsSlackWebhookUrl": url}).spec("Deployment")["template"]
        result: dict[str, str] = template["metadata"]["annotations"]
        return result

    assert annotations("http://a:443/x") == annotations("http://a:443/x")
    assert annotations("http://a:443/x") != annotations("http://a:443/y")


def test_disabled_slack_channel_has_no_secret_or_variable(record: Record) -> None:
    recording = record(channelsSlackWebhookUrl="http://relay.chat.svc:443/x")
    assert recording.of("Secret") == []
    assert "slack" not in repr(recording.pod).lower()
    assert "slack" not in repr(recording.spec("Deployment")["template"]["metadata"])


def test_extra_variables_appear_in_the_container(record: Record) -> None:
    extra = {"HTTPS_PROXY": "http://proxy:443", "NOTIFICATION_AUDIT__BUFFER_SIZE": "50"}
    container = record(operatorEnv=json.dumps(extra)).container
    assert extra.items() <= {entry["name"]: entry.get("value") for entry in container["env"]}.items()
