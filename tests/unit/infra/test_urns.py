"""URNs of the resources: another URN is another resource, so an update would delete the one and create the other."""

from __future__ import annotations

import base64
import pickle
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from platform_infra.cluster.local.provider import LocalNodeProvider
from platform_infra.image.operator_image import OperatorImageProvider
from platform_infra.monitoring import discovery
from tests.kit.recording import record_bundle

if TYPE_CHECKING:
    from collections.abc import Iterator

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
        "channelsSlackWebhookUrl": "http://relay.chat.svc/x",
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
    "eks": {**IMAGE, "clusterKind": "eks", "clusterEksSubnets": '["subnet-0a", "subnet-0b"]'},
}
STORED_PROVIDERS = {
    OperatorImageProvider: "gASVRAAAAAAAAACMI3BsYXRmb3JtX2luZnJhLmltYWdlLm9wZXJhdG9yX2ltYWdllIwVT3BlcmF0b3JJbWFnZVByb3ZpZGVylJOUKYGULg==",
    LocalNodeProvider: "gASVQgAAAAAAAACMJXBsYXRmb3JtX2luZnJhLmNsdXN0ZXIubG9jYWwucHJvdmlkZXKUjBFMb2NhbE5vZGVQcm92aWRlcpSTlCmBlC4=",
}
"""Dynamic providers as a state stores them: the engine deletes a resource with the stored one."""


@pytest.fixture
def aws_sdk() -> Iterator[None]:
    """The package of the extra `eks`, which is installed in a folder of its own."""
    folder = str(Path(sys.prefix) / "eks")
    sys.path.insert(0, folder)
    yield
    sys.path.remove(folder)


def urns(recording: Recording) -> list[str]:
    """Return every URN without stack and project: the types from the root to the resource, and its name."""
    qualified = {entry.urn: (entry.parent, entry.type) for entry in recording.registered}

    def types(urn: str) -> str:
        parent, kind = qualified[urn]
        return f"{types(parent)}${kind}" if parent in qualified else kind

    return sorted(f"{types(entry.urn)}::{entry.name}" for entry in recording.registered)


@pytest.mark.usefixtures("aws_sdk")
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
