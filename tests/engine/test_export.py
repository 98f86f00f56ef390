"""The export of a stack: it holds what the engine registers, field by field, and the same bytes each time."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import yaml

from notification_contract.crds import notification_receiver, notification_request, notification_source
from platform_infra.settings.reader import parse
from tests.harness.checkout import NO_CLUSTER
from tests.kit.exports import recorded_export

if TYPE_CHECKING:
    from pathlib import Path

    from tests.harness.checkout import Checkout

VALUES: dict[str, Any] = {
    # Without a kubeconfig and a context: no cluster is asked.
    "clusterKind": "existing",
    "operatorImage": "registry.example/operator@sha256:" + "ab" * 32,
    "operatorReplicas": 2,
    # Text for Python, and a number for the parser of Kubernetes.
    "operatorPodLabels": {"revision": "1e9"},
    "gatewayEnabled": True,
    "gatewayHost": "hooks.example.com",
    "gatewayAllowedCidrs": ["192.0.2.0/24"],
    "monitoringMode": "crds",
    "drillSchedule": "0 9 * * 1",
    "routing": {"receivers": [{"console_configs": [{}], "name": "all"}], "route": {"receiver": "all"}},
    "channelsFileEnabled": True,
    "channelsFileVolume": "hostPath",
    "channelsSlackEnabled": True,
    "channelsSlackExistingSecret": "slack",
    "receivers": [
        {
            "name": "ops",
            "spec": {"type": "webhook", "webhook": {"urlSecretRef": {"name": "hook", "key": "url"}}},
            "existingSecrets": ["hook"],
            "default": True,
        },
    ],
}


def files(folder: Path) -> dict[str, bytes]:
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*.yaml")}


def test_export_holds_what_the_engine_registers_with_the_same_bytes_again(checkout: Checkout) -> None:
    checkout.write_stack("test", **VALUES)
    folder = checkout.folder / "out"
    result = checkout.platform("export", "test", "--to", "out")
    assert result.code == 0, result.text
    first = files(folder)
    texts = {
        key: value if isinstance(value, str) else json.dumps(value)
        for key, value in (VALUES | NO_CLUSTER).items()
    }
    installed = list(yaml.safe_load_all(first.pop("install.yaml")))
    assert installed == recorded_export(parse(texts), schemas=True)
    definitions = (notification_receiver, notification_request, notification_source)
    crds = [yaml.safe_load(text) for path, text in sorted(first.items()) if path.startswith("crds/")]
    assert crds == [read() for read in definitions]

    result = checkout.platform("export", "test", "--to", "out", "--format", "kustomize")
    assert result.code == 0, result.text
    again = files(folder)
    kustomization = yaml.safe_load(again.pop("kustomization.yaml"))
    assert again == first
    assert sorted(kustomization["resources"]) == sorted(first)


def test_encrypted_setting_is_refused_and_nothing_is_written(checkout: Checkout) -> None:
    checkout.write_stack("test", **VALUES | {"operatorEnv": {"HTTPS_PROXY": {"secure": "v1:x:y"}}})
    result = checkout.platform("export", "test", "--to", "out")
    assert result.code == 1, result.text
    assert "operatorEnv is encrypted; store it unencrypted, or use `up`" in result.text
    assert not (checkout.folder / "out").exists()
