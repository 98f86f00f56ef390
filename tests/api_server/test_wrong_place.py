"""No command reaches the wrong cluster or the wrong state: real API servers and the real engine, without nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from platform_infra import names
from platform_infra.cluster.ownership import Owner
from tests.harness.checkout import PLATFORM
from tests.harness.shared_clusters import NAMESPACE, STACK, Team, in_cluster, other_address, shared_cluster
from tools.platform.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.harness.shared_clusters import SharedCluster

pytestmark = [pytest.mark.xdist_group("shared-clusters"), pytest.mark.timeout(240, func_only=True)]


@pytest.fixture
def another() -> Iterator[SharedCluster]:
    with shared_cluster() as started:
        yield started


def test_other_contexts_of_the_kubeconfig_are_not_in_the_state(team: Team) -> None:
    for name in ("second", "third"):
        team.add_context(name, server=f"https://{name}.example", authority="Q0E=", token=f"token-of-{name}")
    team.up()
    export = team.checkout.pulumi("stack", "export", "--show-secrets", "--stack", STACK).text
    assert "https://127.0.0.1" in export
    for name in ("second", "third"):
        assert f"{name}.example" not in export
        assert f"token-of-{name}" not in export


def test_same_cluster_at_another_address_replaces_nothing(
    team: Team, cluster: SharedCluster, tmp_path: Path
) -> None:
    team.up()
    uids = (cluster.definition().uid, cluster.namespace().uid)
    with other_address(cluster, tmp_path) as (server, authority):
        team.add_context("elsewhere", server=server, authority=authority, token=cluster.token)
        team.configure("elsewhere")
        team.up()
        assert team.operations() <= {"same", "update"}
        assert "nothing to change" in team.up()
    assert (cluster.definition().uid, cluster.namespace().uid) == uids


def test_context_of_another_cluster_is_refused(
    team: Team, cluster: SharedCluster, another: SharedCluster
) -> None:
    team.up()
    before = team.resources()
    team.add_context("there", server=another.server, authority=another.authority, token=another.token)
    for arguments in (("up", STACK), ("diff", STACK), ("down", STACK, "--yes")):
        result = team.platform(*arguments)
        assert result.code == 1, result.text
        assert another.uid in result.text
        assert cluster.uid in result.text
    plain = team.checkout.pulumi("up", "--yes", "--stack", STACK)
    assert plain.code != 0
    assert "leads to another cluster than that of the stack prod-eu" in " ".join(plain.text.split())
    assert another.definition() is None
    assert another.namespace() is None
    assert team.resources() == before


def test_second_state_of_a_stack_is_refused_until_it_takes_over(
    team: Team, cluster: SharedCluster, tmp_path: Path
) -> None:
    team.up()
    (first,) = cluster.owners()
    owner = Owner.parse(first)
    assert owner == Owner(
        stack=f"organization/{names.PROJECT}/{STACK}", state=owner.state, cluster=cluster.uid
    )
    untouched = (cluster.namespace().resource_version, cluster.definition().resource_version)

    second = in_cluster(cluster, tmp_path / "second")
    for command in ("up", "diff"):
        result = second.platform(command, STACK)
        assert result.code == 1, result.text
        text = " ".join(result.text.split())
        assert first in text
        assert f"Namespace {NAMESPACE}: owner {first}; written by pulumi-kubernetes" in text
        assert f"up {STACK} --adopt" in text
    assert (cluster.namespace().resource_version, cluster.definition().resource_version) == untouched

    declined = second.answered("yes", "up", STACK, "--adopt")
    assert declined.code == 1, declined.text
    assert "nothing has been changed" in declined.text
    silent = second.checkout.run([*PLATFORM, "up", STACK, "--adopt"], {})
    assert silent.code == ExitCode.USAGE, silent.text
    assert "there is no terminal to ask whether to take them over" in silent.text
    assert (cluster.namespace().resource_version, cluster.definition().resource_version) == untouched

    cluster.upserts()
    taken_over = second.answered(STACK, "up", STACK, "--adopt")
    assert taken_over.code == 0, taken_over.text
    assert f"ClusterRole notifications-viewer: owner {first}" in taken_over.text
    assert "nothing to change" in second.up()
    assert "nothing exists in its cluster that is in no state" in second.up("--adopt")
    (taken,) = cluster.owners()
    assert Owner.parse(taken).state not in {"", owner.state}
    assert taken in team.refused("up", STACK)
    assert taken in team.refused("down", STACK, "--yes")
    assert cluster.owners() == {taken}


def test_crds_that_another_state_has_taken_over_are_not_deleted(
    team: Team, cluster: SharedCluster, tmp_path: Path
) -> None:
    team.up()
    created = cluster.definition()
    second = in_cluster(cluster, tmp_path / "second")
    second.configure("there", operatorNamespace="notification-second")
    cluster.upserts()
    second.up("--adopt", "--yes")
    team.configure("there", crdManaged=False)
    message = team.refused("up", STACK, "--yes")
    assert (
        f"this update would delete {names.RECEIVER_CRD}, {names.CRD}, which belong to organization/{names.PROJECT}/{STACK} "
        in message
    )
    assert cluster.definition().uid == created.uid

    team.configure("there")
    team.up("--adopt", "--refresh", "--yes")
    team.configure("there", crdManaged=False)
    for _ in range(2):
        team.up("--yes")
    second.up("--adopt", "--yes")
    assert cluster.definition().uid == created.uid


def test_up_of_a_shared_cluster_shows_its_plan_and_asks(team: Team, cluster: SharedCluster) -> None:
    declined = team.answered("yes", "up", STACK)
    assert declined.code == 1, declined.text
    assert f"`up` changes these resources of {STACK}:" in declined.text
    assert "  + create Namespace" in declined.text
    assert "nothing has been changed" in declined.text
    assert cluster.namespace() is None

    accepted = team.answered(STACK, "up", STACK)
    assert accepted.code == 0, accepted.text
    again = team.answered("", "up", STACK)
    assert (again.code, "nothing to change" in again.text) == (0, True), again.text
    assert "enter its name" not in again.text


def test_down_of_a_shared_cluster_asks_and_keeps_the_file(team: Team, cluster: SharedCluster) -> None:
    team.up()
    message = team.refused("down", STACK, code=2)
    assert "there is no terminal to ask" in message
    assert f"down {STACK} --yes" in message

    declined = team.answered("yes", "down", STACK)
    assert declined.code == 1, declined.text
    for part in (
        f"cluster  {cluster.server} (context there, uid {cluster.uid})",
        f"backend  file://{team.checkout.state}",
        "2 CustomResourceDefinition",
        "1 Namespace",
        "nothing has been destroyed",
    ):
        assert part in declined.text
    assert cluster.definition() is not None

    confirmed = team.answered(STACK, "down", STACK)
    assert confirmed.code == 0, confirmed.text
    assert cluster.definition() is None
    assert cluster.namespace() is None
    assert "encryptionsalt" in team.file.read_text("utf-8")


def test_yes_answers_the_question(team: Team, cluster: SharedCluster) -> None:
    team.up()
    result = team.platform("down", STACK, "--yes")
    assert result.code == 0, result.text
    assert cluster.definition() is None


def test_expired_credentials_in_the_state_are_replaced_by_current_ones(
    team: Team, cluster: SharedCluster
) -> None:
    token = cluster.administrator("for-an-hour")
    team.add_context("there", server=cluster.server, authority=cluster.authority, token=token)
    team.up()
    cluster.expire("for-an-hour", token)
    team.add_context("there", server=cluster.server, authority=cluster.authority, token=cluster.token)

    drift = team.platform("drift", STACK)
    assert drift.text == f"No drift in stack {STACK}.\n"
    assert drift.code == 0
    recorded = team.platform("drift", STACK, "--no-run-program")
    assert recorded.code == 1
    assert "unreachable cluster" in recorded.text

    assert "pass --run-program" in team.refused("down", STACK, "--yes")
    down = team.platform("down", STACK, "--yes", "--run-program")
    assert down.code == 0, down.text
    assert cluster.definition() is None
    assert cluster.namespace() is None


def test_crds_are_kept_when_they_are_handed_over(team: Team, cluster: SharedCluster) -> None:
    team.configure("there", protectionData=True)
    team.up()
    created = cluster.definition()
    team.configure("there", crdManaged=False)
    assert "this update gives them up and keeps them" in team.up()
    assert names.CRD_OWNER not in (cluster.definition().annotations or {})
    plan = team.platform("diff", STACK).text
    assert "forget CustomResourceDefinition" in plan
    assert "delete CustomResourceDefinition" not in plan
    second = team.up()
    assert "CustomResourceDefinition platform-crds-notificationrequests kept in the cluster" in second
    assert "nothing to change" in team.up()
    assert cluster.definition().uid == created.uid
    assert cluster.definition(names.RECEIVER_CRD) is not None
