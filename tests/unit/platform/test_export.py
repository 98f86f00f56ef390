"""The export of a stack: what it refuses, what it leaves out, and which files it replaces."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from notification_cli.output.yaml_text import dump
from platform_infra import names
from platform_infra.settings.reader import parse
from tools.platform.errors import PlatformError
from tools.platform.export.files import Format, contents, write
from tools.platform.export.objects import exported, refusals
from tools.platform.pulumi.stack_file import encrypted_keys, hidden_keys

if TYPE_CHECKING:
    from pathlib import Path

IMAGE = "registry.example/operator:1"
RECEIVER = {
    "name": "ops",
    "spec": {"type": "webhook", "webhook": {"urlSecretRef": {"name": "hook", "key": "url"}}},
    "secrets": {"hook": {"url": "https://example.com"}},
}


def refused(**values: Any) -> dict[str, str]:
    """Return the hint of each refusal by its setting."""
    texts = {key: each if isinstance(each, str) else json.dumps(each) for key, each in values.items()}
    secret = ("channelsSlackWebhookUrl", "operatorRegistryPassword", "receivers")
    settings = parse({"operatorImage": IMAGE, **texts}, secret_keys=secret)
    return {each.key: each.hint for each in refusals(settings)}


def test_stack_without_secrets_is_not_refused() -> None:
    assert refused() == {}
    assert refused(channelsSlackEnabled=True, channelsSlackExistingSecret="slack") == {}
    assert refused(operatorImage="", operatorEnabled=False) == {}


@pytest.mark.parametrize(
    ("key", "values", "hint"),
    [
        (
            "channelsSlackWebhookUrl",
            {"channelsSlackEnabled": True, "channelsSlackWebhookUrl": "https://hooks.slack.example/x"},
            "channelsSlackExistingSecret",
        ),
        (
            "operatorRegistryPassword",
            {
                "operatorRegistryServer": "ghcr.io",
                "operatorRegistryUsername": "u",
                "operatorRegistryPassword": "p",
            },
            "operatorImagePullSecrets",
        ),
        ("receivers[0].secrets", {"receivers": [RECEIVER]}, "existingSecrets"),
        ("operatorImage", {"operatorImage": ""}, "cluster can pull"),
        ("previewBase", {"previewBase": True, "watchNamespaceSelector": "!kubernaut.ai/preview"}, "`up`"),
        ("previewNumber", {"previewNumber": 7, "watchNamespaces": ["pr-7"]}, "`up`"),
    ],
)
def test_setting_that_yaml_cannot_express_is_refused(key: str, values: dict[str, Any], hint: str) -> None:
    found = refused(**values)
    assert list(found) == [key]
    assert hint in found[key]


def deployment() -> dict[str, Any]:
    marks = {
        "labels": {"app.kubernetes.io/managed-by": "pulumi", "app.kubernetes.io/name": names.OPERATOR},
        "annotations": {"pulumi.com/patchForce": "true", names.CRD_OWNER: "org/project/stack"},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": names.OPERATOR, "namespace": "home", **marks},
        "spec": {"replicas": 2.0, "template": {"metadata": dict(marks), "spec": {}}},
    }


def test_exported_object_has_no_marks_of_the_engine() -> None:
    registered = deployment()
    (document,) = exported([registered], replicas_managed=True)
    labels = {"app.kubernetes.io/name": names.OPERATOR}
    assert document["metadata"] == {"name": names.OPERATOR, "namespace": "home", "labels": labels}
    assert document["spec"] == {"replicas": 2, "template": {"metadata": {"labels": labels}, "spec": {}}}
    assert registered == deployment()


def test_unmanaged_number_of_pods_is_left_out() -> None:
    (document,) = exported([deployment()], replicas_managed=False)
    assert "replicas" not in document["spec"]


def test_objects_are_in_the_order_of_application() -> None:
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "b", "namespace": "home"}}
    first = {**account, "metadata": {"name": "a", "namespace": "home"}}
    home = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "home"}}
    documents = exported([deployment(), account, home, first], replicas_managed=True)
    assert [each["metadata"]["name"] for each in documents] == ["home", "a", "b", names.OPERATOR]
    assert list(contents(documents, Format.YAML)) == [
        "00-namespace-home.yaml",
        "02-serviceaccount-home-a.yaml",
        "02-serviceaccount-home-b.yaml",
        f"17-deployment-home-{names.OPERATOR}.yaml",
        "install.yaml",
    ]


@pytest.mark.parametrize("text", ["1e9", "0o17", "y", "N", "on", "1_0", "0x1F", "1:30", "~", "1.5", "50m"])
def test_text_is_read_as_text(text: str) -> None:
    written = dump({"key": text})
    assert yaml.safe_load(written) == {"key": text}
    assert (text == "50m") == (written == f"key: {text}\n")


def test_files_of_others_are_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "values.yaml").write_text("mine: true\n")
    with pytest.raises(PlatformError, match=r"values\.yaml was not written by an export"):
        write(tmp_path, {"install.yaml": "kind: List\n"})
    assert [file.name for file in tmp_path.iterdir()] == ["values.yaml"]


def test_files_of_an_earlier_export_are_replaced(tmp_path: Path) -> None:
    write(tmp_path, {"old.yaml": "a: 1\n", "crds/old.yaml": "a: 1\n"})
    write(tmp_path, {"new.yaml": "a: 2\n"})
    assert [file.name for file in tmp_path.iterdir()] == ["new.yaml"]


def test_files_of_an_earlier_export_stay_if_one_cannot_be_written(tmp_path: Path) -> None:
    write(tmp_path, {"old.yaml": "a: 1\n"})
    with pytest.raises(UnicodeEncodeError):
        write(tmp_path, {"new.yaml": "a: 2\n", "crds/new.yaml": "\ud800"})
    assert [file.name for file in tmp_path.rglob("*.yaml")] == ["old.yaml"]


def test_encrypted_secret_is_refused_without_its_value() -> None:
    values = {"operatorImage": IMAGE, "channelsSlackEnabled": "true"}
    hidden = {"channelsSlackWebhookUrl"}
    (refusal,) = refusals(parse(values, hidden_keys=hidden), hidden)
    assert str(refusal) == (
        "channelsSlackWebhookUrl would be the value of a Secret; set channelsSlackExistingSecret to the name of a Secret in "
        "operatorNamespace"
    )


def test_encrypted_setting_is_refused_unless_no_object_contains_it(tmp_path: Path) -> None:
    secret = {"secure": "v1:abc"}
    config = {
        "operatorEnv": {"HTTPS_PROXY": secret},
        "auditUrl": secret,
        "clusterKubeconfig": secret,
        "channelsSlackWebhookUrl": secret,
        "operatorReplicas": 2,
    }
    content = {"config": {f"notification-platform:{key}": value for key, value in config.items()}}
    (tmp_path / "Pulumi.test.yaml").write_text(yaml.safe_dump(content))
    found = refusals(parse({"operatorImage": IMAGE}), encrypted_keys("test", tmp_path))
    assert [str(each) for each in found] == [
        f"{key} is encrypted; store it unencrypted, or use `up`" for key in ("auditUrl", "operatorEnv")
    ]


def test_secret_of_an_environment_counts_as_encrypted() -> None:
    entries: dict[str, dict[str, Any]] = {
        "notification-platform:auditUrl": {"secret": True},
        "notification-platform:operatorReplicas": {"value": "2", "secret": False},
        "aws:region": {"secret": True},
    }
    assert hidden_keys(entries) == {"auditUrl"}
