"""URNs of the resources: another URN is another resource, so an update would delete the one and create the other."""

from __future__ import annotations

import base64
import pickle
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from platform_infra.cluster.kind.provider import KindProvider
from platform_infra.cluster.local.provider import LocalNodeProvider
from platform_infra.image.operator_image import OperatorImageProvider
from platform_infra.monitoring import discovery
from tests.kit.recording import record_bundle

if TYPE_CHECKING:
    from pulumi.dynamic import ResourceProvider

    from tests.kit.recording import Recording
    from tests.unit.infra.conftest import Record

FROZEN = yaml.safe_load((Path(__file__).parent / "urns.yaml").read_text("utf-8"))
"""The URNs of each sample; a released one does not change."""
OWNER = {"kubeconfig": "apiVersion: v1\nkind: Config\n", "context": "shared", "node": "the-node"}
IMAGE = {"operatorImage": "registry.example/operator:1"}
SAMPLES: dict[str, dict[str, str]] = {
    "default": {},
    "monitoring_crds": {"monitoringMode": "crds"},
    "slack_and_host_path": {
        "channelsSlackEnabled": "true",
        "channelsSlackWebhookUrl": "http://relay.chat.svc:443/x",
        "channelsFileEnabled": "true",
        "channelsFileVolume": "hostPath",
    },
    "claim": {"channelsFileEnabled": "true", "channelsFileVolume": "pvc"},
    "namespaces": {"watchNamespaces": '["a", "notification-system"]'},
    "routing": {
        "routing": '{"route": {"receiver": "r"}, "receivers": [{"name": "r", "consoleConfigs": [{"enabled": true}]}]}'
    },
    "operator_disabled": {"operatorEnabled": "false"},
    "cluster_of_another_stack": {
        **IMAGE,
        "clusterKind": "stack",
        "clusterStack": "organization/notification-platform/dev",
        "crdManaged": "false",
    },
    "kind": {"clusterKind": "kind"},
}
STORED_PROVIDERS = {
    OperatorImageProvider: "gASVRAAAAAAAAACMI3BsYXRmb3JtX2luZnJhLmltYWdlLm9wZXJhdG9yX2ltYWdllIwVT3BlcmF0b3JJbWFnZVByb3ZpZGVylJOUKYGULg==",
    KindProvider: "gASVPAAAAAAAAACMJHBsYXRmb3JtX2luZnJhLmNsdXN0ZXIua2luZC5wcm92aWRlcpSMDEtpbmRQcm92aWRlcpSTlCmBlC4=",
    LocalNodeProvider: "gASVQgAAAAAAAACMJXBsYXRmb3JtX2luZnJhLmNsdXN0ZXIubG9jYWwucHJvdmlkZXKUjBFMb2NhbE5vZGVQcm92aWRlcpSTlCmBlC4=",
}
"""Dynamic providers as a state stores them: the engine deletes a resource with the stored one."""


@pytest.fixture
def kind_on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the program find the command `kind`, which no recording runs."""
    monkeypatch.setattr("platform_infra.cluster.kinds.which", lambda program: program)


def urns(recording: Recording) -> list[str]:
    """Return every URN without stack and project: the types from the root to the resource, and its name."""
    qualified = {entry.urn: (entry.parent, entry.type) for entry in recording.registered}

    def types(urn: str) -> str:
        parent, kind = qualified[urn]
        return f"{types(parent)}${kind}" if parent in qualified else kind

    return sorted(f"{types(entry.urn)}::{entry.name}" for entry in recording.registered)


@pytest.mark.usefixtures("kind_on_path")
@pytest.mark.parametrize("sample", SAMPLES)
def test_every_urn_is_that_of_the_snapshot(record: Record, sample: str) -> None:
    assert urns(record(OWNER, **SAMPLES[sample])) == FROZEN[sample]


def test_discovered_kinds_have_the_urns_of_the_mode_crds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery, "discover", lambda _kubeconfig, _context: list(discovery.KINDS))
    assert urns(record_bundle()) == FROZEN["monitoring_crds"]


@pytest.mark.parametrize("provider", STORED_PROVIDERS)
def test_stored_providers_can_be_loaded(provider: type[ResourceProvider]) -> None:
    stored = base64.b64decode(STORED_PROVIDERS[provider])
    assert isinstance(pickle.loads(stored), provider)  # noqa: S301 - the test's own data


def test_every_sample_has_frozen_urns() -> None:
    assert SAMPLES.keys() == FROZEN.keys()
