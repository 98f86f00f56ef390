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


def test_provider_gets_kubeconfig_and_context_of_the_owner(record: Record) -> None:
    inputs = record(OWNER, **VALUES).one("kubernetes").inputs
    assert rpc.unwrap_rpc_secret(inputs["kubeconfig"]) == OWNER["kubeconfig"]
    assert rpc.is_rpc_secret(inputs["kubeconfig"])
    assert inputs["context"] == "shared"


def test_resources_of_the_owner_are_not_registered(record: Record) -> None:
    recording = record(OWNER, **VALUES)
    for kind in ("Node", "OperatorImage", "CustomResourceDefinition"):
        assert recording.of(kind) == []
    assert recording.container["image"] == VALUES["operatorImage"]
    assert not any(entry.deleted_with for entry in recording.registered)


@pytest.mark.parametrize(("node", "deletable"), [("the-node", True), (None, False)])
def test_only_a_local_node_is_deleted_when_unreachable(
    record: Record, node: str | None, *, deletable: bool
) -> None:
    inputs = record(OWNER | {"node": node}, **VALUES).one("kubernetes").inputs
    assert inputs["deleteUnreachable"] in (deletable, str(deletable).lower())


def test_missing_output_of_the_owner_is_reported(record: Record) -> None:
    with pytest.raises(ClusterError, match=r"dev has no output (kubeconfig|context); run `up` for it first"):
        record({}, **VALUES)


@pytest.mark.parametrize(
    ("values", "key"),
    [
        (VALUES | {"clusterStack": ""}, "clusterStack"),
        (VALUES | {"clusterKind": "local"}, "clusterStack"),
        (VALUES | {"clusterStack": "dev"}, "clusterStack"),
    ],
)
def test_invalid_stack_cluster_settings_name_the_key(values: dict[str, str], key: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse(values)
    assert key in {problem.key for problem in caught.value.problems}


def test_role_in_the_own_namespace_depends_on_the_namespace(record: Record) -> None:
    recording = record(OWNER, **VALUES, operatorNamespace="pr-7", watchNamespaces='["pr-7"]')
    assert recording.of("ClusterRole") == []
    namespaces = {entry.inputs["metadata"]["namespace"] for entry in recording.of("Role")}
    assert namespaces == {"pr-7"}
    assert "namespace" in recording.parts(recording.named("Role", "served-pr-7").dependencies)
