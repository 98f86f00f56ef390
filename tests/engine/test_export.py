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
    **NO_CLUSTER,
    "operatorImage": "registry.example/operator@sha256:" + "ab" * 32,
    "operatorReplicas": 2,
    # Text for Python, and a number for the parser of Kubernetes.
    "operatorPodLabels": {"revision": "1e9"},
    "gatewayEnabled": True,
    "gatewayHost": "hooks.example.com",
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


def documents(folder: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((folder / "install.yaml").read_text("utf-8")))


def test_export_holds_what_the_engine_registers(checkout: Checkout) -> None:
    checkout.write_stack("test", **VALUES)
    result = checkout.platform("export", "test", "--to", "out")
    assert result.code == 0, result.text
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in VALUES.items()}
    assert documents(checkout.folder / "out") == recorded_export(parse(texts), schemas=True)
    definitions = (notification_receiver, notification_request, notification_source)
    files = sorted((checkout.folder / "out" / "crds").iterdir())
    assert [yaml.safe_load(file.read_text("utf-8")) for file in files] == [read() for read in definitions]


def test_export_has_the_same_bytes_again_and_removes_old_files(checkout: Checkout) -> None:
    checkout.write_stack("test", **VALUES)
    folder = checkout.folder / "out"
    texts = []
    for _ in range(2):
        assert checkout.platform("export", "test", "--to", "out").code == 0
        texts.append({file.name: file.read_bytes() for file in folder.rglob("*.yaml")})
    assert texts[0] == texts[1]
    checkout.write_stack("test", **{**VALUES, "gatewayEnabled": False, "gatewayHost": ""})
    result = checkout.platform("export", "test", "--to", "out", "--format", "kustomize")
    assert result.code == 0, result.text
    remaining = {file.relative_to(folder).as_posix() for file in folder.rglob("*.yaml")}
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text("utf-8"))
    assert remaining == {*kustomization["resources"], "kustomization.yaml"}
    assert not any("gateway" in name for name in remaining)
