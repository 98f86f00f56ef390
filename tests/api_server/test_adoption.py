"""What exists before a stack creates it: refused before the first object, unless a killed `up` of the same state has made it.

A real API server and the real engine. A proxy plays a provider from 4.29 on, and records which creations apply to what exists.

DD-OWNER-001 has the reasons.
"""

from __future__ import annotations

import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from pulumi.runtime import rpc

from platform_infra.cluster import Connection
from platform_infra.cluster.adoption import PREFIX
from platform_infra.cluster.api_client import api_client
from platform_infra.settings.reader import parse_arguments
from tests.api_server.test_drift import EVERYTHING
from tests.harness.checkout import PLATFORM
from tests.harness.eventually import eventually
from tests.harness.faultproxy.creations import Manner
from tests.harness.shared_clusters import STACK, in_cluster, kubeconfig, newer_provider, shared_cluster
from tests.kit.recording import record_settings
from tools.localcluster.toolchain import ensure
from tools.platform.kinds import kinds_at
from tools.platform.pulumi.environment import ENGINE_GROUPS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from platform_infra.cluster.api_client import ApiClient
    from tests.harness.faultproxy_client import FaultProxy
    from tests.harness.shared_clusters import SharedCluster, Team
    from tools.platform.kinds import Kind

pytestmark = pytest.mark.timeout(240, func_only=True)
ROLE = "notifications-viewer"
RULES = [{"apiGroups": ["example.com"], "resources": ["apples"], "verbs": ["get"]}]
LATE = 300
"""Seconds, longer than the run is left alive."""
SOME = (0, 1, 5, 12)
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
        [*PLATFORM, "up", STACK, "--yes"],
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
    assert not list(team.checkout.state.rglob("*.attrs")), (
        "the kill could leave one empty, and so end the state"
    )
    assert team.checkout.pulumi("cancel", "--yes", "--stack", STACK).code == 0


@pytest.mark.long
def test_repeated_creation_of_each_object_conflicts_with_no_first_one(cluster: SharedCluster) -> None:
    cluster.serve_monitoring_kinds()
    document = kubeconfig({"it": (cluster.server, cluster.authority, cluster.token)})
    objects = everything()
    with api_client(document, "it") as api:
        # Each run of the provider creates an object with a field manager that no other one has.
        for manager in ("first", "second"):
            refused = {each["metadata"]["name"]: apply(api, each, manager) for each in objects}
            assert {name: message for name, message in refused.items() if message} == {}, manager


def everything() -> list[dict[str, Any]]:
    """Return an object of every type, those that others need first."""
    connection = Connection(kubeconfig="", context="")
    recording = record_settings(parse_arguments(EVERYTHING), connect=lambda _child: connection, schemas=True)
    objects = [plain(entry.inputs) for entry in recording.registered if entry.type.startswith(PREFIX)]
    assert "PersistentVolume" in {each["kind"] for each in objects}
    first = ("Namespace", "CustomResourceDefinition")
    return sorted(
        objects, key=lambda each: first.index(each["kind"]) if each["kind"] in first else len(first)
    )


def apply(api: ApiClient, document: dict[str, Any], manager: str) -> str:
    """Apply an object as the provider does; return the refusal, if any."""
    metadata = document["metadata"]
    forced = metadata.get("annotations", {}).get("pulumi.com/patchForce", "false")

    def served() -> Kind | None:
        kinds = kinds_at(api, [document["apiVersion"]])
        return next((kind for kind in kinds if kind.name == document["kind"]), None)

    # A kind is served some time after its definition.
    kind = eventually(served, bool, within=30)
    assert kind
    path = kind.path(metadata.get("namespace", ""), metadata["name"])
    answer = api.send("PATCH", f"{path}?fieldManager={manager}&force={forced}", document)
    return "" if answer.accepted else answer.message


def plain(value: Any) -> Any:
    """Return inputs as JSON: without marks of secrets, and with whole numbers."""
    if rpc.is_rpc_secret(value):
        return plain(rpc.unwrap_rpc_secret(value))
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
