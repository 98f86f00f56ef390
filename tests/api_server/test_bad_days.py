"""Bad days of a stack in a shared cluster: what each command says, that it fails with exit code 1, and that a second run completes.

Real API servers and the real engine, without nodes.
"""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import pytest

from notification_contract import names
from platform_infra.cluster.api_client import api_client
from tests.harness.eventually import eventually
from tests.harness.notifications import notification
from tests.harness.shared_clusters import (
    NAMESPACE,
    STACK,
    Team,
    faulty_address,
    in_cluster,
    kubeconfig,
    shared_cluster,
)
from tools.platform.kinds import DISCOVERY, kinds_of
from tools.platform.pulumi.removal.deletion import Deletions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from platform_infra.cluster.api_client import ApiClient
    from tests.harness.faultproxy_client import Fault, FaultProxy
    from tests.harness.shared_clusters import SharedCluster

pytestmark = [pytest.mark.xdist_group("shared-clusters"), pytest.mark.timeout(240, func_only=True)]
NOTIFICATIONS = f"/apis/{names.API_VERSION}"
HOLDER = "example.com/holder"
SOON, LATE = 5, 120
"""Seconds."""


def set_deletion_timeouts(team: Team, seconds: int) -> None:
    """Let the engine wait so long for the end of a deletion, instead of up to ten minutes."""
    state = json.loads(team.checkout.pulumi("stack", "export", "--show-secrets", "--stack", STACK).text)
    for resource in state["deployment"]["resources"]:
        if resource["type"].startswith("kubernetes:"):
            resource.setdefault("customTimeouts", {})["delete"] = seconds
    file = team.checkout.folder / "state.json"
    file.write_text(json.dumps(state))
    result = team.checkout.pulumi("stack", "import", "--file", str(file), "--stack", STACK)
    assert result.code == 0, result.text


def test_down_names_the_object_and_the_finalizer_that_hold_the_namespace(
    team: Team, cluster: SharedCluster
) -> None:
    team.up()
    set_deletion_timeouts(team, SOON)
    held = {"metadata": {"name": "held", "finalizers": [HOLDER]}}
    cluster.core.create_namespaced_config_map(NAMESPACE, held)

    message = team.refused("down", STACK, "--yes")
    assert f"ConfigMap {NAMESPACE}/held has the finalizer {HOLDER}" in message
    assert f"kubectl --context there -n {NAMESPACE} patch configmaps held" in message
    assert f"run `tools/notif-platform down {STACK}` again" in message
    assert cluster.namespace() is not None

    cluster.core.patch_namespaced_config_map("held", NAMESPACE, {"metadata": {"finalizers": None}})
    again = team.platform("down", STACK, "--yes")
    assert again.code == 0, again.text
    assert cluster.namespace() is None


def test_deletion_of_a_crd_begins_when_its_objects_can_be_listed(cluster: SharedCluster) -> None:
    with api_client(kubeconfig({"it": (cluster.server, cluster.authority, cluster.token)}), "it") as api:
        for plural in ("apples", "pears", "plums", "cherries", "quinces"):
            define(cluster, api, plural)
            Deletions(api).await_caches([f"{plural}.example.com"])
            assert api.get(f"/apis/example.com/v1/{plural}").status == HTTPStatus.OK


def define(cluster: SharedCluster, api: ApiClient, plural: str) -> None:
    """Create a CRD and return when it is served."""
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": {"type": "object"}},
    }
    kind = {"kind": plural.title(), "plural": plural}
    spec = {"group": "example.com", "scope": "Namespaced", "names": kind, "versions": [version]}
    body = {"metadata": {"name": f"{plural}.example.com"}, "spec": spec}
    cluster.definitions.create_custom_resource_definition(body)

    def is_served() -> bool:
        return any(each.plural == plural for each in kinds_of(api.get("/apis", accept=DISCOVERY).document))

    eventually(is_served, bool)


def test_down_names_the_crd_whose_objects_cannot_be_deleted(team: Team, cluster: SharedCluster) -> None:
    team.up()
    set_deletion_timeouts(team, SOON)
    assert cluster.send("POST", f"{NOTIFICATIONS}/namespaces/default/{names.PLURAL}", notification("default"))
    store_new_version(cluster)

    message = team.refused("down", STACK, "--yes")
    assert f"{STACK} still has CustomResourceDefinitions whose objects the API server is deleting" in message
    assert f"CustomResourceDefinition {names.CRD}: could not list instances: " in message
    assert "conversion webhook" in message
    assert f"then run `tools/notif-platform down {STACK}` again" in message
    assert cluster.definition() is not None

    convert = {"spec": {"conversion": {"strategy": "None", "webhook": None}}}
    cluster.definitions.patch_custom_resource_definition(names.CRD, convert)
    set_deletion_timeouts(team, LATE)
    again = team.platform("down", STACK, "--yes")
    assert again.code == 0, again.text
    assert cluster.definition() is None


def store_new_version(cluster: SharedCluster) -> None:
    """Store notifications in a version to which a webhook that does not answer must convert the existing ones."""
    answer: Any = cluster.definitions.read_custom_resource_definition(names.CRD, _preload_content=False)
    spec = json.loads(answer.data)["spec"]
    (stored,) = spec["versions"]
    webhook = {"clientConfig": {"url": "https://127.0.0.1:1/"}, "conversionReviewVersions": ["v1"]}
    spec["versions"] = [{**stored, "storage": False}, {**stored, "name": "v1alpha2"}]
    spec["conversion"] = {"strategy": "Webhook", "webhook": webhook}
    cluster.definitions.patch_custom_resource_definition(names.CRD, {"spec": spec})


def test_vanished_cluster_is_forgotten_on_request_alone(tmp_path: Path) -> None:
    with shared_cluster() as cluster:
        team = in_cluster(cluster, tmp_path / "team")
        team.up()
        before = team.resources()
        message = team.refused("down", STACK, "--yes", "--cluster-gone")
        assert f"an API server answers at the address in its state ({cluster.server})" in message
        assert cluster.namespace() is not None

    message = team.refused("down", STACK, "--yes")
    assert f"run `tools/notif-platform down {STACK} --cluster-gone`" in message
    assert "there is no terminal to ask" in team.refused("down", STACK, "--cluster-gone", code=2)
    assert team.resources() == before

    result = team.platform("down", STACK, "--cluster-gone", "--yes")
    assert result.code == 0, result.text
    assert "which stay in the cluster if it still exists" in result.text
    assert STACK not in team.checkout.pulumi("stack", "ls").text
    assert team.file.exists()


def test_plain_destroy_of_a_vanished_cluster_obeys_the_variable(tmp_path: Path) -> None:
    with shared_cluster() as cluster:
        team = in_cluster(cluster, tmp_path / "team")
        team.up()
    destroy = ("destroy", "--yes", "--skip-preview", "--stack", STACK)
    refused = team.checkout.pulumi(*destroy)
    assert refused.code != 0
    assert "PULUMI_K8S_DELETE_UNREACHABLE" in refused.text
    forgotten = team.checkout.pulumi(*destroy, PULUMI_K8S_DELETE_UNREACHABLE="true")
    assert forgotten.code == 0, forgotten.text


@pytest.fixture
def faulty(cluster: SharedCluster, tmp_path: Path) -> Iterator[tuple[Team, FaultProxy]]:
    """A stack that reaches its cluster by a proxy with faults."""
    with faulty_address(cluster, tmp_path) as (server, authority, proxy):
        proxied = replace(cluster, server=server, authority=authority)
        yield in_cluster(proxied, tmp_path / "team"), proxy


def go_away(proxy: FaultProxy, verb: str, *, accepted: int = 0) -> None:
    """Let the API server go away after so many accepted requests of this verb.

    The provider waits for the objects of accepted requests, which it cannot see any more, as long as their timeouts say.
    """
    proxy.clear()
    first = proxy.fail(verb=verb, cut=True, times=None, skip=accepted)
    threading.Thread(target=_then_cut_all, args=(proxy, first), daemon=True).start()


def _then_cut_all(proxy: FaultProxy, first: Fault) -> None:
    eventually(lambda: first.used and _watches_what_it_deletes(proxy), bool, within=120)
    proxy.fail(cut=True, times=None)


def _watches_what_it_deletes(proxy: FaultProxy) -> bool:
    """Return whether the provider watches the objects of accepted deletions: no timeout applies until then."""
    requests = proxy.so_far()
    deleted = {_kind(each) for each in requests if each["verb"] == "delete" and each["code"] == HTTPStatus.OK}
    return deleted <= {_kind(each) for each in requests if each["verb"] == "watch" and each["events"]}


def _kind(request: dict[str, Any]) -> tuple[str, str]:
    return request["resource"], request["namespace"]


def test_up_continues_after_the_api_server_was_away(faulty: tuple[Team, FaultProxy]) -> None:
    team, proxy = faulty
    go_away(proxy, "patch")
    message = team.refused("up", STACK)
    assert "the API server stopped answering" in message
    assert "run the same command again" in message
    proxy.clear()
    team.up()
    assert "nothing to change" in team.up()


@pytest.mark.parametrize("accepted", [0, 4])
def test_down_continues_after_the_api_server_was_away(
    faulty: tuple[Team, FaultProxy], cluster: SharedCluster, accepted: int
) -> None:
    team, proxy = faulty
    team.up()
    set_deletion_timeouts(team, SOON)
    go_away(proxy, "delete", accepted=accepted)
    message = team.refused("down", STACK, "--yes")
    assert "the API server stopped answering" in message
    assert "run the same command again" in message
    proxy.clear()
    set_deletion_timeouts(team, LATE)
    again = team.platform("down", STACK, "--yes")
    assert again.code == 0, again.text
    assert cluster.namespace() is None
    assert cluster.definition() is None


def test_down_completes_when_the_api_server_returns_during_deletions(faulty: tuple[Team, FaultProxy]) -> None:
    """It left between accepted deletions and the watches of their objects, which the provider opens without a timeout."""
    team, proxy = faulty
    team.up()
    away = [proxy.fail(verb=verb, cut=True, times=None) for verb in ("list", "watch")]
    with ThreadPoolExecutor(1) as pool:
        down = pool.submit(team.platform, "down", STACK, "--yes")
        eventually(lambda: away[-1].used, bool, within=120)
        proxy.clear()
        assert down.result().code == 0, down.result().text
