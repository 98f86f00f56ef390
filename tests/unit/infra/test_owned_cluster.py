"""A stack in a cluster that another stack owns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pulumi.runtime import rpc

from platform_infra.cluster import ClusterError
from platform_infra.settings.reader import SettingsError, parse

if TYPE_CHECKING:
    from tests.unit.infra.conftest import Record

OWNER = {"kubeconfig": "apiVersion: v1\nkind: Config\n", "context": "shared", "node": "the-node"}
VALUES = {
    "clusterKind": "stack",
    "clusterStack": "organization/notification-platform/dev",
    "operatorImage": "registry.example/operator:1",
    "crdManaged": "false",
}


def test_the_provider_is_told_the_owner_s_kubeconfig_and_context(record: Record) -> None:
    told = record(OWNER, **VALUES).one("kubernetes").inputs
    assert rpc.unwrap_rpc_secret(told["kubeconfig"]) == OWNER["kubeconfig"]
    assert rpc.is_rpc_secret(told["kubeconfig"])
    assert told["context"] == "shared"


def test_nothing_of_the_owner_s_is_made_again(record: Record) -> None:
    recording = record(OWNER, **VALUES)
    for kind in ("Node", "OperatorImage", "CustomResourceDefinition"):
        assert recording.of(kind) == []
    assert recording.container["image"] == VALUES["operatorImage"]
    assert not any(entry.deleted_with for entry in recording.registered)


@pytest.mark.parametrize(("node", "gone"), [("the-node", True), (None, False)])
def test_only_a_local_node_may_be_gone_with_all_that_it_held(
    record: Record, node: str | None, *, gone: bool
) -> None:
    told = record(OWNER | {"node": node}, **VALUES).one("kubernetes").inputs
    assert told["deleteUnreachable"] in (gone, str(gone).lower())


def test_an_owner_that_is_not_up_is_named(record: Record) -> None:
    with pytest.raises(ClusterError, match=r"dev gives out no (kubeconfig|context); bring it up first"):
        record({}, **VALUES)


@pytest.mark.parametrize(
    ("values", "blamed"),
    [
        (VALUES | {"clusterStack": ""}, "clusterStack"),
        (VALUES | {"clusterKind": "local"}, "clusterStack"),
        (VALUES | {"clusterStack": "dev"}, "clusterStack"),
        (VALUES | {"operatorImage": ""}, "operatorImage"),
    ],
)
def test_what_such_a_stack_needs_is_asked_for(values: dict[str, str], blamed: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse(values)
    assert blamed in {problem.key for problem in caught.value.problems}


def test_an_operator_that_serves_its_own_namespace_waits_for_it(record: Record) -> None:
    recording = record(OWNER, **VALUES, operatorNamespace="pr-7", watchNamespaces='["pr-7"]')
    assert recording.of("ClusterRole") == []
    places = {entry.inputs["metadata"]["namespace"] for entry in recording.of("Role")}
    assert places == {"pr-7"}
    waited = {urn.rpartition("/")[2] for urn in recording.named("Role", "served-pr-7").waits_for}
    assert "v1:Namespace::namespace" in waited
