"""A stack of a release that mounted its settings moves without a deletion: `kubectl rollout undo` may need the ConfigMap.

On a real API server with the controller that makes the revisions of a Deployment.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from kubernetes import client

from platform_infra import names
from tests.api_server.shared_clusters import NAMESPACE, OBJECT_CONTROLLERS, Team, shared_cluster
from tests.harness.eventually import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.api_server.shared_clusters import SharedCluster

pytestmark = [pytest.mark.xdist_group("shared-clusters"), pytest.mark.timeout(240, func_only=True)]
EARLIER, PRESENT = (Path(__file__).with_name(name) for name in ("mounted_config.py", "without_node.py"))


@pytest.fixture
def cluster() -> Iterator[SharedCluster]:
    with shared_cluster(*OBJECT_CONTROLLERS) as started:
        yield started


@pytest.fixture
def team(cluster: SharedCluster, tmp_path: Path) -> Team:
    team = Team(tmp_path / "team")
    team.add_context("there", server=cluster.server, authority=cluster.authority, token=cluster.token)
    team.configure("there", operatorEnabled=True, operatorImage="registry.example/operator:1")
    return team


def run(team: Team, program: Path) -> str:
    """Update the stack with a program; return the output."""
    shutil.copy(program, team.checkout.folder / "infra" / "__main__.py")
    return team.up()


def revisions(cluster: SharedCluster) -> list[Any]:
    """Return the ReplicaSets, the earliest revision first."""
    listed = client.AppsV1Api(cluster.api).list_namespaced_replica_set(NAMESPACE).items
    revision = "deployment.kubernetes.io/revision"
    return sorted(listed, key=lambda each: int(each.metadata.annotations[revision]))


def config_maps(cluster: SharedCluster) -> list[str]:
    """Return the names of the ConfigMaps with settings."""
    listed: Any = cluster.core.list_namespaced_config_map(NAMESPACE)
    return [each.metadata.name for each in listed.items if each.metadata.name.startswith(names.OPERATOR)]


def test_former_config_map_stays_while_a_revision_mounts_it(team: Team, cluster: SharedCluster) -> None:
    run(team, EARLIER)
    eventually(lambda: len(revisions(cluster)), lambda number: number == 1)
    (mounted,) = config_maps(cluster)

    run(team, PRESENT)
    assert team.operations() <= {"same", "update"}
    eventually(lambda: len(revisions(cluster)), lambda number: number == 2)
    assert config_maps(cluster) == [mounted]
    assert "nothing to change" in team.up()

    earlier, _ = revisions(cluster)
    client.AppsV1Api(cluster.api).delete_namespaced_replica_set(earlier.metadata.name, NAMESPACE)
    team.up()
    assert team.operations() <= {"same", "delete"}
    assert config_maps(cluster) == []
    assert "nothing to change" in team.up()
