"""A stack in a cluster that others own: an administrator of one namespace, real API servers, the real engine, no nodes.

DD-GUEST-001 has the reasons.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from platform_infra import names
from platform_infra.cluster.ownership import Owner
from tests.harness.shared_clusters import CRDS, STACK, Team, shared_cluster
from tests.harness.tenants import HOME, install_kinds, tenant_of
from tools.localcluster.toolchain import ensure
from tools.platform.pulumi.environment import ENGINE_GROUPS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.harness.shared_clusters import SharedCluster
    from tests.harness.tenants import Tenant

pytestmark = [pytest.mark.xdist_group("guests"), pytest.mark.timeout(240, func_only=True)]
READ = {"get", "list", "watch"}
MISSING = {
    "update notificationreceivers.kubernaut.ai/status",
    "update notificationrequests.kubernaut.ai/status",
}


@pytest.fixture(scope="module")
def cluster() -> Iterator[SharedCluster]:
    ensure(ENGINE_GROUPS)
    with shared_cluster() as started:
        yield started


@pytest.fixture(scope="module")
def tenant(cluster: SharedCluster, tmp_path_factory: pytest.TempPathFactory) -> Tenant:
    install_kinds(cluster)
    return tenant_of(cluster, tmp_path_factory.mktemp("guest") / "team")


def missing_rights(text: str) -> set[str]:
    """Return the rights that a report lists, without what they are for; roles can follow it."""
    report = text.partition("apiVersion:")[0]
    lines = [line for line in report.splitlines() if line.startswith("  - ")]
    return {line.removeprefix("  - ").partition(": ")[0] for line in lines}


def test_namespace_admin_installs_with_the_rights_that_preflight_names(
    tenant: Tenant, tmp_path: Path
) -> None:
    team, core = tenant.team, tenant.cluster.core
    before: Any = core.read_namespace(HOME)
    definitions = {name: tenant.cluster.definition(name).resource_version for name in CRDS}

    tenant.configure(operatorEnabled=True)
    refused = team.platform("preflight", STACK, "--roles")
    assert refused.code == 1, refused.text
    assert missing_rights(refused.text) == MISSING
    assert "2 missing right(s), 0 other problem(s)" in refused.text
    tenant.grant(refused.text[refused.text.index("apiVersion:") :])
    passed = team.platform("preflight", STACK)
    assert passed.code == 0, passed.text
    assert "ready for `up`" in passed.text
    assert not team.checkout.state.exists()

    # Without a node, the Deployment would never become ready.
    tenant.configure()
    team.up()
    assert "nothing to change" in team.up()
    account: Any = core.read_namespaced_service_account(names.OPERATOR, HOME)
    owner = Owner.parse(account.metadata.annotations[names.CRD_OWNER])
    assert owner.cluster == f"{HOME}/{before.metadata.uid}"

    second = tenant.another(tmp_path / "second")
    message = second.refused("up", STACK)
    assert f"ServiceAccount {HOME}/{names.OPERATOR}: owner organization/" in message

    down = team.platform("down", STACK, "--yes")
    assert down.code == 0, down.text
    after: Any = core.read_namespace(HOME)
    assert (after.metadata.uid, after.metadata.labels) == (before.metadata.uid, before.metadata.labels)
    assert {name: tenant.cluster.definition(name).resource_version for name in CRDS} == definitions
    assert names.OPERATOR not in accounts(tenant.cluster)


@pytest.mark.parametrize(
    ("role", "notifications", "receivers"),
    [
        ("view", READ, READ),
        ("edit", READ | {"create", "delete"}, READ),
        ("admin", READ | {"create", "delete"}, READ),
    ],
)
def test_default_roles_have_the_documented_rights(
    tenant: Tenant, role: str, notifications: set[str], receivers: set[str]
) -> None:
    user = f"user-with-{role}"
    tenant.bind(role, user)
    for plural, expected in ((names.PLURAL, notifications), (names.RECEIVER_PLURAL, receivers)):
        assert tenant.verbs_of(user, plural) == expected
        assert tenant.verbs_of(user, f"{plural}/status") == {"get"}


def test_namespace_is_released_when_others_take_it_over(cluster: SharedCluster, tmp_path: Path) -> None:
    team = Team(tmp_path / "owner")
    administrator(team, cluster)
    settings = {"crdManaged": False, "watchNamespaces": ["vended"], "operatorNamespace": "vended"}
    team.configure("tenant", **settings, namespaceManaged=False)
    assert "the namespace 'vended' does not exist" in team.refused("up", STACK)

    team.configure("tenant", **settings)
    team.up()
    created: Any = cluster.core.read_namespace("vended")
    team.configure("tenant", **settings, namespaceManaged=False)
    team.up()
    team.up()
    assert "nothing to change" in team.up()
    assert team.platform("down", STACK, "--yes").code == 0
    left: Any = cluster.core.read_namespace("vended")
    assert (left.metadata.uid, left.status.phase) == (created.metadata.uid, "Active")


def administrator(team: Team, cluster: SharedCluster) -> None:
    """Give a team the credentials of the cluster's administrator in the context `tenant`."""
    team.add_context("tenant", server=cluster.server, authority=cluster.authority, token=cluster.token)


def accounts(cluster: SharedCluster) -> set[str]:
    listed: Any = cluster.core.list_namespaced_service_account(HOME)
    return {each.metadata.name for each in listed.items}
