"""The ConfigMap of an earlier release: kept under its URN while a revision of the Deployment mounts it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.infra.test_ownership import record

if TYPE_CHECKING:
    from tests.unit.infra.conftest import SharedCluster
    from tests.unit.infra.recording import Recording

SETTINGS = {"config.yaml": "log:\n  level: info\n"}
URN = "notification-platform:index:OperatorDeployment$kubernetes:core/v1:ConfigMap"


def revision(number: int, config_map: str | None) -> dict[str, Any]:
    """Return a ReplicaSet whose pods mount their settings from a ConfigMap, or from their annotations."""
    source: dict[str, Any] = (
        {"configMap": {"name": config_map}} if config_map else {"downwardAPI": {"items": []}}
    )
    volumes = [{"name": "tmp", "emptyDir": {}}, {"name": "config", **source}]
    return {
        "metadata": {"annotations": {"deployment.kubernetes.io/revision": str(number)}},
        "spec": {"template": {"spec": {"volumes": volumes}}},
    }


@pytest.fixture
def former(shared_cluster: SharedCluster) -> SharedCluster:
    """A cluster with three revisions of the Deployment, the last of which needs no ConfigMap, and the ConfigMaps of the others."""
    shared_cluster.replica_sets = [revision(9, "nine"), revision(10, "ten"), revision(11, None)]
    shared_cluster.config_maps = {
        name: {"metadata": {"name": name, "labels": {"a": "b"}, "uid": "1"}, "data": SETTINGS}
        for name in ("nine", "ten")
    }
    return shared_cluster


def kept(recording: Recording) -> list[str]:
    """Return the names of the ConfigMaps that are registered under the URN of earlier releases."""
    return [entry.inputs["metadata"]["name"] for entry in recording.of("ConfigMap") if entry.part == "config"]


@pytest.mark.usefixtures("former")
def test_config_map_of_the_newest_revision_that_mounts_one_is_kept() -> None:
    recording = record()
    assert kept(recording) == ["ten"]
    entry = recording.named("ConfigMap", "config")
    assert entry.inputs == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "ten", "namespace": "notification-system", "labels": {"a": "b"}},
        "data": SETTINGS,
        "immutable": True,
    }
    assert entry.ignored == ("metadata", "data", "immutable")
    assert entry.urn.split("::")[2].endswith(URN)


def test_config_map_that_was_deleted_is_not_created_again(former: SharedCluster) -> None:
    former.config_maps.pop("ten")
    assert kept(record()) == []


def test_deployment_without_a_revision_that_mounts_one_needs_none(former: SharedCluster) -> None:
    former.replica_sets = [revision(1, None)]
    assert kept(record()) == []


@pytest.mark.usefixtures("former")
def test_cluster_that_does_not_last_is_not_asked() -> None:
    assert kept(record(lasting=False)) == []
