"""Settings of the operator's pods for a cluster of others: credentials, marks, volumes, certificates, rollout, replicas."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest
from pulumi.runtime import rpc

from notification_contract.quantity import amount
from platform_infra.settings.reader import SettingsError, parse
from tests.kit.recording import record_settings

if TYPE_CHECKING:
    from tests.unit.infra.conftest import Record

REGISTRY = {
    "operatorRegistryServer": "ghcr.io",
    "operatorRegistryUsername": "robot",
    "operatorRegistryPassword": "token",
}
SLACK = "https://hooks.slack.example/services/x"


def problems(*encrypted: str, **values: Any) -> str:
    with pytest.raises(SettingsError) as caught:
        parse(values, secret_keys=encrypted)
    return str(caught.value)


def recorded(record: Record, **values: Any) -> Any:
    return record(
        **{key: each if isinstance(each, str) else json.dumps(each) for key, each in values.items()}
    )


def test_slack_url_of_an_existing_secret_creates_none(record: Record) -> None:
    recording = record(
        channelsSlackEnabled="true",
        channelsSlackExistingSecret="vault-slack",
        channelsSlackExistingSecretKey="url",
    )
    assert not recording.of("Secret")
    (variable,) = [each for each in recording.container["env"] if each["name"] == "SLACK_WEBHOOK_URL"]
    assert variable["valueFrom"]["secretKeyRef"] == {"name": "vault-slack", "key": "url"}
    annotations = recording.spec("Deployment")["template"]["metadata"]["annotations"]
    assert "kubernaut.ai/slack-webhook-checksum" not in annotations


def test_existing_secret_and_url_exclude_each_other() -> None:
    values = {"channelsSlackEnabled": "true", "channelsSlackExistingSecret": "vault-slack"}
    text = problems("channelsSlackWebhookUrl", **values, channelsSlackWebhookUrl=SLACK)
    assert "channelsSlackExistingSecret is set in addition to channelsSlackWebhookUrl" in text
    assert SLACK not in text
    assert "channelsSlackWebhookUrl is empty" in problems(channelsSlackEnabled="true")


def test_credentials_of_the_registry_become_a_pull_secret() -> None:
    settings = parse(REGISTRY | {"drillSchedule": "0 6 * * 1"}, secret_keys=["operatorRegistryPassword"])
    recording = record_settings(settings)
    secret = recording.one("Secret")
    assert secret.inputs["type"] == "kubernetes.io/dockerconfigjson"
    assert rpc.is_rpc_secret(secret.inputs["stringData"])
    content = json.loads(rpc.unwrap_rpc_secret(secret.inputs["stringData"])[".dockerconfigjson"])
    assert content == {
        "auths": {
            "ghcr.io": {
                "username": "robot",
                "password": "token",
                "auth": base64.b64encode(b"robot:token").decode(),
            }
        }
    }
    assert recording.pod["imagePullSecrets"] == [{"name": "notification-registry"}]
    assert secret.urn in recording.one("Deployment").dependencies
    assert secret.urn in recording.one("CronJob").dependencies


def test_existing_pull_secret_is_used_by_name(record: Record) -> None:
    recording = record(operatorImagePullSecrets='["registry"]')
    assert recording.pod["imagePullSecrets"] == [{"name": "registry"}]
    assert not recording.of("Secret")


@pytest.mark.parametrize("missing", REGISTRY)
def test_incomplete_credentials_of_the_registry_are_refused(missing: str) -> None:
    values = {key: value for key, value in REGISTRY.items() if key != missing}
    text = problems("operatorRegistryPassword", **values)
    assert "operatorRegistryServer and operatorRegistryUsername and operatorRegistryPassword require" in text


def test_created_and_existing_pull_secret_exclude_each_other() -> None:
    text = problems("operatorRegistryPassword", **REGISTRY, operatorImagePullSecrets='["registry"]')
    assert "operatorRegistryServer is set in addition to operatorImagePullSecrets" in text


def test_password_of_the_registry_in_plain_text_is_refused() -> None:
    text = problems(**REGISTRY)
    assert "operatorRegistryPassword contains credentials in plain text" in text
    assert "token" not in text.partition("--secret")[0]


def test_marks_are_added_to_those_of_the_platform(record: Record) -> None:
    role = "arn:aws:iam::111122223333:role/notifications"
    recording = recorded(
        record,
        operatorServiceAccountAnnotations={"eks.amazonaws.com/role-arn": role},
        operatorServiceAccountLabels={"azure.workload.identity/use": "true"},
        operatorPodAnnotations={"sidecar.istio.io/inject": "true"},
        operatorPodLabels={"cost-center": "42"},
    )
    account = recording.one("ServiceAccount").inputs["metadata"]
    assert account["annotations"].items() >= {"eks.amazonaws.com/role-arn": role}.items()
    assert account["labels"]["azure.workload.identity/use"] == "true"
    assert account["labels"]["app.kubernetes.io/component"] == "rbac"
    pods = recording.spec("Deployment")["template"]["metadata"]
    assert pods["labels"]["cost-center"] == "42"
    assert pods["labels"]["app.kubernetes.io/name"] == "notification-operator"
    assert pods["annotations"]["sidecar.istio.io/inject"] == "true"
    assert "cost-center" not in recording.spec("Deployment")["selector"]["matchLabels"]


@pytest.mark.parametrize(
    ("key", "mark"),
    [
        ("operatorPodLabels", "app.kubernetes.io/name"),
        ("operatorServiceAccountLabels", "app.kubernetes.io/part-of"),
        ("operatorPodAnnotations", "kubernaut.ai/slack-webhook-checksum"),
        ("operatorServiceAccountAnnotations", "kubernaut.ai/owner"),
        ("operatorServiceAccountAnnotations", "pulumi.com/patchForce"),
    ],
)
def test_marks_of_the_platform_are_refused(key: str, mark: str) -> None:
    assert f"{key} contains '{mark}' with the value 'x'" in problems(**{key: {mark: "x"}})


def test_additional_volumes_are_mounted_as_written(record: Record) -> None:
    volumes = [
        {"name": "secrets", "csi": {"driver": "secrets-store.csi.k8s.io", "readOnly": True}},
        {"name": "scratch", "emptyDir": {"sizeLimit": "32Mi"}},
    ]
    mounts = [
        {"name": "secrets", "mountPath": "/mnt/secrets", "readOnly": True},
        {"name": "scratch", "mountPath": "/scratch", "subPath": "a"},
    ]
    recording = recorded(record, operatorVolumes=volumes, operatorVolumeMounts=mounts)
    assert recording.pod["volumes"][-2:] == volumes
    assert recording.container["volumeMounts"][-2:] == mounts
    before = amount(record().container["resources"]["limits"]["ephemeral-storage"])
    after = amount(recording.container["resources"]["limits"]["ephemeral-storage"])
    assert after - before == amount("32Mi")


def test_claimed_volume_is_never_shared_by_two_pods(record: Record) -> None:
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]
    mounts = [{"name": "data", "mountPath": "/data"}]
    recording = recorded(record, operatorVolumes=volumes, operatorVolumeMounts=mounts)
    assert recording.spec("Deployment")["strategy"] == {"type": "Recreate"}


@pytest.mark.parametrize(
    ("volumes", "mounts", "message"),
    [
        ([{"name": "v", "hostPath": {"path": "/"}}], [], "operatorVolumes[0] has the type 'hostPath'"),
        ([{"name": "v", "nfs": {}}], [], "operatorVolumes[0] has the type 'nfs'"),
        ([{"emptyDir": {}}], [], "operatorVolumes[0].name is missing"),
        ([{"name": "v"}], [], "operatorVolumes[0] has 0 types (none)"),
        ([{"name": "v", "secret": {}, "configMap": {}}], [], "has 2 types (secret, configMap)"),
        ([{"name": "config", "emptyDir": {}}], [], "operatorVolumes[0].name is 'config'"),
        ([{"name": "v", "emptyDir": {}}] * 2, [], "operatorVolumes[1].name is 'v'"),
        ([{"name": "v", "emptyDir": "64Mi"}], [], "operatorVolumes[0].emptyDir is not an object"),
        ([{"name": "v", "emptyDir": {"sizeLimit": "big"}}], [], "emptyDir.sizeLimit is 'big'"),
        ([{"name": "v", "emptyDir": {}}], [], "the volume 'v', which operatorVolumeMounts does not mount"),
        ([], [{"name": "w", "mountPath": "/w"}], "operatorVolumeMounts[0].name is 'w'"),
        ([], [{"name": "w", "mountPath": "w"}], "operatorVolumeMounts[0].mountPath is 'w'"),
        ([], [{"name": "w", "mountPath": "/tmp/"}], "where the directory for temporary files is mounted"),
        ([], [{"name": "w", "mountPath": "/"}], "where the image is mounted"),
        (
            [{"name": "v", "emptyDir": {}}],
            [{"name": "v", "mountPath": "/v"}, {"name": "v", "mountPath": "/v"}],
            "operatorVolumeMounts[1].mountPath is '/v', where operatorVolumeMounts[0] is mounted",
        ),
    ],
)
def test_unusable_volumes_are_refused(volumes: list[Any], mounts: list[Any], message: str) -> None:
    assert message in problems(operatorVolumes=volumes, operatorVolumeMounts=mounts)


@pytest.mark.parametrize(
    ("directory", "owner"),
    [
        ("/tmp", "the directory for temporary files"),
        ("/etc/notification/", "the configuration"),
        ("/etc/notification-ca", "the bundle of authorities"),
        ("/", "the image"),
    ],
)
def test_directory_of_the_file_channel_is_mounted_once(directory: str, owner: str) -> None:
    values = {"channelsFileEnabled": "true", "channelsFileDirectory": directory}
    expected = (
        f"channelsFileDirectory is {directory!r}, where {owner} is mounted; choose another directory, such as "
        "/var/lib/notifications"
    )
    assert expected in problems(**values)
    parse(values | {"channelsFileEnabled": "false"})


def test_additional_volume_takes_no_directory_of_the_file_channel() -> None:
    text = problems(
        channelsFileEnabled="true",
        channelsFileDirectory="/data/files/",
        operatorVolumes=[{"name": "v", "emptyDir": {}}],
        operatorVolumeMounts=[{"name": "v", "mountPath": "/data/files"}],
    )
    assert "operatorVolumeMounts[0].mountPath is '/data/files', where the volume of the file channel" in text


@pytest.mark.parametrize(
    ("key", "source"),
    [
        (
            "operatorCaBundleConfigMap",
            {"configMap": {"name": "roots", "items": [{"key": "all.pem", "path": "ca.crt"}]}},
        ),
        (
            "operatorCaBundleSecret",
            {"secret": {"secretName": "roots", "items": [{"key": "all.pem", "path": "ca.crt"}]}},
        ),
    ],
)
def test_bundle_of_authorities_is_mounted_and_named(record: Record, key: str, source: dict[str, Any]) -> None:
    recording = record(**{key: "roots"}, operatorCaBundleKey="all.pem")
    assert {"name": "ca-bundle", **source} in recording.pod["volumes"]
    mount = {"name": "ca-bundle", "mountPath": "/etc/notification-ca", "readOnly": True}
    assert mount in recording.container["volumeMounts"]
    assert {"name": "SSL_CERT_FILE", "value": "/etc/notification-ca/ca.crt"} in recording.container["env"]


def test_two_bundles_of_authorities_are_refused() -> None:
    both = problems(operatorCaBundleConfigMap="roots", operatorCaBundleSecret="roots")
    assert "operatorCaBundleConfigMap is set in addition to operatorCaBundleSecret" in both
    variable = problems(operatorCaBundleSecret="roots", operatorEnv={"SSL_CERT_FILE": "/x"})
    assert "operatorEnv contains SSL_CERT_FILE" in variable


def test_rollout_seconds_bound_the_deployment(record: Record) -> None:
    assert record().spec("Deployment")["progressDeadlineSeconds"] == 120
    assert record(operatorRolloutSeconds="600").spec("Deployment")["progressDeadlineSeconds"] == 600
    assert "operatorRolloutSeconds" in problems(operatorRolloutSeconds="10")


def test_update_waits_for_each_replica_to_make_progress(record: Record) -> None:
    assert record().one("Deployment").create_timeout == "240s"
    values = {"operatorReplicas": "3", "operatorRolloutSeconds": "600", "gatewayEnabled": "true"}
    waits = {
        each.name: each.create_timeout for each in record(**values, gatewayReplicas="2").of("Deployment")
    }
    assert waits == {
        "platform-operator-deployment": "2400s",
        "platform-gateway-deployment": "1800s",
    }


def test_update_that_stops_the_old_pod_first_waits_for_its_end(record: Record) -> None:
    values = {"operatorLeaderElection": "false", "operatorGraceSeconds": "300"}
    entry = record(**values).one("Deployment")
    assert (entry.inputs["spec"]["strategy"]["type"], entry.create_timeout) == ("Recreate", "550s")
    assert entry.inputs["spec"]["progressDeadlineSeconds"] == 430
    overlapping = record(operatorGraceSeconds="300").one("Deployment")
    assert overlapping.inputs["spec"]["progressDeadlineSeconds"] == 120
    assert overlapping.create_timeout == "240s"


def test_affinity_is_passed_as_written(record: Record) -> None:
    affinity = {
        "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {
                "nodeSelectorTerms": [
                    {"matchExpressions": [{"key": "arch", "operator": "In", "values": ["arm64"]}]}
                ]
            }
        }
    }
    assert recorded(record, placementAffinity=affinity).pod["affinity"] == affinity


def test_number_of_replicas_is_left_to_others_on_request(record: Record) -> None:
    assert record().one("Deployment").ignored == ()
    recording = record(operatorReplicasManaged="false", operatorReplicas="2")
    assert recording.one("Deployment").ignored == ("spec.replicas",)
    assert recording.spec("Deployment")["replicas"] == 2
    text = problems(operatorReplicasManaged="false", operatorLeaderElection="false")
    assert "operatorReplicasManaged is false" in text
