"""URNs of the resources: a stack of an earlier release is updated without replacing or deleting any of them."""

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
from tests.unit.infra.recording import record_bundle

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pulumi.dynamic import ResourceProvider

    from tests.unit.infra.conftest import Record
    from tests.unit.infra.recording import Recording

FROZEN = yaml.safe_load((Path(__file__).parent / "urns.yaml").read_text("utf-8"))
"""The URNs of each sample as the release before the components took typed arguments registered them."""
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
    OperatorImageProvider: "gASVPgAAAAAAAACMHXBsYXRmb3JtX2luZnJhLm9wZXJhdG9yX2ltYWdllIwVT3BlcmF0b3JJbWFnZVByb3ZpZGVylJOUKYGULg==",
    LocalNodeProvider: "gASVQgAAAAAAAACMJXBsYXRmb3JtX2luZnJhLmNsdXN0ZXIubG9jYWwucHJvdmlkZXKUjBFMb2NhbE5vZGVQcm92aWRlcpSTlCmBlC4=",
}
"""Dynamic providers as that release stored them in the state; the engine deletes a resource with the stored one."""


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

    return sorted(f"{types(entry.urn)}::{entry.part}" for entry in recording.registered)


CLUSTER_RECORDS = "notification-platform:index:Bundle$notification-platform:index:Cluster$pulumi:index:Stash"
ADDED = {f"{CLUSTER_RECORDS}::platform-cluster-state"}
"""Resources of later releases, which an update of every stack creates."""
PRIORITY = "notification-platform:index:Bundle$notification-platform:index:FlowSchemas"
ADDED_WITH_OPERATOR = {
    f"{PRIORITY}::priority",
    f"{PRIORITY}$kubernetes:flowcontrol.apiserver.k8s.io/v1:FlowSchema::leases",
    f"{PRIORITY}$kubernetes:flowcontrol.apiserver.k8s.io/v1:FlowSchema::status",
}
"""Resources of later releases, which an update creates wherever the operator is deployed."""

FORMER = "notification-platform:index:Bundle$notification-platform:index:OperatorDeployment$kubernetes:core/v1:ConfigMap::config"
"""The ConfigMap with the settings, which are a part of the pod template now: kept while a revision mounts it (DD-VERSION-001)."""

BUNDLE = "notification-platform:index:Bundle"
ROLES, ADMISSION = (
    f"{BUNDLE}$notification-platform:index:{kind}" for kind in ("UserRoles", "RequestAdmission")
)
POLICY = f"{ADMISSION}$kubernetes:admissionregistration.k8s.io/v1:ValidatingAdmissionPolicy"
ADDED_WITH_CRD = {
    f"{BUNDLE}$notification-platform:index:Crds$kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition::notificationreceivers",
    f"{ROLES}::user-roles",
    f"{ROLES}$kubernetes:rbac.authorization.k8s.io/v1:ClusterRole::notifications-viewer",
    f"{ROLES}$kubernetes:rbac.authorization.k8s.io/v1:ClusterRole::notifications-editor",
    f"{ADMISSION}::admission",
    f"{ADMISSION}$kubernetes:core/v1:ConfigMap::limits",
    *(
        f"{POLICY}{kind}::{name}"
        for kind in ("", "Binding")
        for name in (
            *("notification-requests", "notification-requests-status"),
            *("notification-receivers", "notification-receivers-status"),
        )
    ),
}
"""The resources that have come since, in each stack that owns the CRD."""


@pytest.mark.usefixtures("aws_sdk")
@pytest.mark.parametrize("sample", SAMPLES)
def test_every_urn_of_the_earlier_release_is_kept(record: Record, sample: str) -> None:
    settings = SAMPLES[sample]
    with_operator = set() if sample == "operator_disabled" else ADDED_WITH_OPERATOR
    with_crd = set() if settings.get("crdManaged") == "false" else ADDED_WITH_CRD
    kept = {*FROZEN[sample]} - {FORMER}
    assert set(urns(record(OWNER, **settings))) == {*kept, *ADDED, *with_operator, *with_crd}


def test_discovered_kinds_keep_the_urns_of_the_mode_crds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(discovery, "discover", lambda _kubeconfig, _context: list(discovery.KINDS))
    kept = {*FROZEN["monitoring_crds"]} - {FORMER}
    assert set(urns(record_bundle())) == {*kept, *ADDED, *ADDED_WITH_OPERATOR, *ADDED_WITH_CRD}


@pytest.mark.parametrize("provider", STORED_PROVIDERS)
def test_stored_providers_of_the_earlier_release_can_be_loaded(provider: type[ResourceProvider]) -> None:
    stored = base64.b64decode(STORED_PROVIDERS[provider])
    assert isinstance(pickle.loads(stored), provider)  # noqa: S301 - the test's own data


def test_every_sample_has_frozen_urns() -> None:
    assert SAMPLES.keys() == FROZEN.keys()
