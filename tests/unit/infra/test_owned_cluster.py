"""A stack in a cluster that another stack owns."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from pulumi.runtime import rpc

from platform_infra.cluster import ClusterError
from platform_infra.settings.reader import SettingsError, parse
from tests.kit.recording import record_settings

if TYPE_CHECKING:
    from tests.unit.infra.conftest import Record, SharedCluster

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


EKS = {
    "apiVersion": "v1",
    "kind": "Config",
    "clusters": [{"name": "kubernetes", "cluster": {"server": "https://control.example"}}],
    "users": [{"name": "aws", "user": {"exec": {"command": "aws"}}}],
    "contexts": [{"name": "aws", "context": {"cluster": "kubernetes", "user": "aws"}}],
    "current-context": "aws",
}
"""A kubeconfig as pulumi-eks outputs it."""


def test_kubeconfig_of_the_owner_can_be_an_object_without_a_context(record: Record) -> None:
    inputs = record({"kubeconfig": EKS}, **VALUES).one("kubernetes").inputs
    assert json.loads(rpc.unwrap_rpc_secret(inputs["kubeconfig"])) == EKS
    assert inputs["context"] == "aws"


@pytest.mark.parametrize(
    ("kubeconfig", "message"),
    [
        (["text"], "the output kubeconfig of the stack .*dev is of the type list"),
        (
            {**EKS, "current-context": ""},
            "dev has no output context, and its kubeconfig names no current context",
        ),
        ("a text", "has no output context"),
    ],
)
def test_unusable_kubeconfig_of_the_owner_is_reported(
    record: Record, kubeconfig: object, message: str
) -> None:
    with pytest.raises(ClusterError, match=message):
        record({"kubeconfig": kubeconfig}, **VALUES)


def test_identifier_of_the_owner_counts_where_no_uid_is_known(
    record: Record, shared_cluster: SharedCluster
) -> None:
    known = OWNER | {"node": "", "identifier": "arn:aws:eks:eu-central-1:1:cluster/shared"}
    assert record(known, **VALUES).one("kubernetes").inputs["clusterIdentifier"] == shared_cluster.uid
    shared_cluster.uid = ""
    inputs = record(known, **VALUES, logLevel="debug").one("kubernetes").inputs
    assert inputs["clusterIdentifier"] == known["identifier"]
    assert "clusterIdentifier" not in record(OWNER, **VALUES).one("kubernetes").inputs


@pytest.mark.parametrize(
    ("preview", "exported"), [({}, False), ({"previewNumber": "7", "watchNamespaces": '["pr-7"]'}, True)]
)
def test_kubeconfig_of_the_owner_is_an_output_of_previews_alone(
    preview: dict[str, str], *, exported: bool
) -> None:
    outputs: set[str] = set()
    settings = parse({**VALUES, **preview})
    record_settings(settings, owner=OWNER, inspect=lambda bundle: outputs.update(bundle.outputs()))
    assert ("kubeconfig" in outputs) == exported


def test_missing_output_of_the_owner_is_reported(record: Record) -> None:
    with pytest.raises(ClusterError, match=r"dev has no output kubeconfig; run `up` for it first"):
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
