"""What exists before a stack creates it: refused before the first object, unless a killed `up` of the same state has made it.

A real API server and the real engine. A proxy plays a provider from 4.29 on, and records which creations apply to what exists.

DD-OWNER-001 has the reasons.
"""

from __future__ import annotations

import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.harness.checkout import PLATFORM
from tests.harness.eventually import eventually
from tests.harness.faultproxy.creations import Manner
from tests.harness.shared_clusters import STACK, in_cluster, newer_provider, shared_cluster
from tools.localcluster.toolchain import ensure
from tools.platform.pulumi.environment import ENGINE_GROUPS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.harness.faultproxy_client import FaultProxy
    from tests.harness.shared_clusters import SharedCluster, Team

pytestmark = pytest.mark.timeout(240, func_only=True)
ROLE = "notifications-viewer"
RULES = [{"apiGroups": ["example.com"], "resources": ["apples"], "verbs": ["get"]}]
LATE = 300
"""Seconds, longer than the run is left alive."""
SOME = (0, 1, 5)
"""Creations after which a run is killed: the namespace, a CRD, and others."""


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[SharedCluster]:
    ensure(ENGINE_GROUPS)
    with shared_cluster() as started, newer_provider(started, tmp_path) as played:
        yield played


@pytest.fixture
def team(cluster: SharedCluster, tmp_path: Path) -> Team:
    return in_cluster(cluster, tmp_path / "team")


def proxy_of(cluster: SharedCluster) -> FaultProxy:
    assert cluster.proxy
    return cluster.proxy


def test_first_and_further_updates_apply_no_creation_to_what_exists(
    team: Team, cluster: SharedCluster
) -> None:
    team.up()
    team.configure("there", crdEditIncludesReceivers=True, admissionBodyCharacters=1000)
    team.up()
    assert proxy_of(cluster).existing() == []


def test_existing_role_is_refused_before_the_first_object(team: Team, cluster: SharedCluster) -> None:
    create_role(cluster)
    assert f"ClusterRole {ROLE}: owner none; written by a-chart" in team.refused("up", STACK)
    assert cluster.namespace() is None
    assert cluster.definition() is None

    cluster.upserts()
    assert f"ClusterRole {ROLE}: owner none; written by a-chart" in team.up("--adopt", "--yes")
    assert proxy_of(cluster).existing() == [f"/apis/rbac.authorization.k8s.io/v1/clusterroles/{ROLE}"]


def create_role(cluster: SharedCluster) -> None:
    role = {"metadata": {"name": ROLE}, "rules": RULES}
    cluster.rbac.create_cluster_role(role, field_manager="a-chart")


@pytest.mark.long
def test_plain_pulumi_refuses_and_adopts_what_exists(team: Team, cluster: SharedCluster) -> None:
    create_role(cluster)
    assert team.checkout.pulumi("stack", "init", STACK).code == 0
    assert f"ClusterRole {ROLE}: owner none" in team.platform("diff", STACK).text
    up = ("up", "--yes", "--skip-preview", "--stack", STACK)
    refused = team.checkout.pulumi(*up)
    assert refused.code != 0
    assert f"up {STACK} --adopt" in " ".join(refused.text.split())
    assert cluster.namespace() is None

    cluster.upserts()
    adopting = {"NOTIFICATION_PLATFORM_ADOPT": STACK, "PULUMI_K8S_ENABLE_PATCH_FORCE": "true"}
    adopted = team.checkout.pulumi(*up, **adopting)
    assert adopted.code == 0, adopted.text
    assert "nothing to change" in team.up("--refresh")


@contextmanager
def started(team: Team) -> Iterator[None]:
    """Run `up` until the end of the block, and kill all of its processes."""
    with subprocess.Popen(
        [*PLATFORM, "up", STACK],
        cwd=team.checkout.folder,
        env=team.checkout.variables({}),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ):
        try:
            yield
        finally:
            team.checkout.kill_processes()


@pytest.mark.parametrize(
    "completed",
    [pytest.param(number, marks=[] if number == 0 else [pytest.mark.long]) for number in SOME],
)
def test_killed_up_is_completed_by_the_next_one(team: Team, cluster: SharedCluster, completed: int) -> None:
    kill_at_creation(team, proxy_of(cluster), completed)
    proxy_of(cluster).answer_creations(Manner.RECORD)
    team.up()
    assert proxy_of(cluster).existing() != []
    assert cluster.namespace() is not None
    assert "nothing to change" in team.up()


def kill_at_creation(team: Team, proxy: FaultProxy, completed: int) -> None:
    """Kill an `up` whose request for one more object has been accepted, and never answered."""
    fault = proxy.fail(verb="patch", after=True, cut=True, delay_after=LATE, times=None, skip=completed)
    with started(team):
        eventually(lambda: fault.used, bool, within=120)
        eventually(lambda: [each for each in proxy.so_far(verb="patch") if each["upstream"]], bool, within=30)
    proxy.clear()
    assert team.checkout.pulumi("cancel", "--yes", "--stack", STACK).code == 0
