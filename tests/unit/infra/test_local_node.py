"""The local node without Docker: names, kubeconfig, readiness, and the state that Pulumi records."""

from __future__ import annotations

import base64
import pickle
from pathlib import Path

import pytest
from pulumi.dynamic.dynamic import serialize_provider

from platform_infra.cluster.local import readiness, state
from platform_infra.cluster.local.provider import LocalNodeProvider
from platform_infra.cluster.local.spec import NodeInfo, NodeOptions, NodeSpec, for_this_machine

RECORDED_PROVIDER = (
    b"\x80\x04\x95B\x00\x00\x00\x00\x00\x00\x00"
    b"\x8c%platform_infra.cluster.local.provider\x94\x8c\x11LocalNodeProvider\x94\x93\x94)\x81\x94."
)
"""The provider in the states of existing stacks."""
INFO = NodeInfo(name="n", identity="abc", image="node:1", api_port=7, kubeconfig="k")


def test_node_has_the_name_of_its_stack() -> None:
    assert NodeSpec(stack="dev", image="i").name == "notification-platform-dev"


def test_nodes_of_similar_stack_names_have_different_names() -> None:
    names = {
        NodeSpec(stack=stack, image="i").name for stack in ("my-stack", "My_Stack", "my_stack", "my stack")
    }
    assert len(names) == 4
    assert all(name.startswith("notification-platform-my-stack") for name in names)


def test_empty_stack_name_is_rejected() -> None:
    with pytest.raises(ValueError, match="stack is empty"):
        NodeSpec(stack="", image="i")


def test_labels_of_a_node_name_its_stack_and_its_checkout() -> None:
    spec = NodeSpec(stack="dev", image="i")
    assert spec.labels == {
        "ai.kubernaut.notification-platform.stack": "dev",
        "ai.kubernaut.notification-platform.checkout": str(Path(__file__).resolve().parents[3]),
    }
    assert all(volume.startswith(spec.name) for volume in spec.volumes)
    assert spec.cgroup_root == f"/{spec.name}"


def test_kubeconfig_contains_the_published_port() -> None:
    text = "server: https://127.0.0.1:6443\n"
    assert for_this_machine(text, 32768) == "server: https://127.0.0.1:32768\n"


def test_outputs_contain_the_image_that_the_node_runs() -> None:
    outputs = state.outputs({"stack": "dev", "image": "node:2"}, INFO)
    assert outputs["image"] == "node:1"
    assert outputs["stack"] == "dev"
    assert outputs["identity"] == "abc"


def test_property_is_changed_only_if_it_differs() -> None:
    assert state.changed({"image": "a"}, {"image": "b"}, "image")
    assert not state.changed({"image": "a", "kubeconfig": "x"}, {"image": "a"}, "image")


def test_options_turn_on_parts_of_the_node() -> None:
    assert NodeOptions().environment == {}
    options = NodeOptions(network_policy=True, priority_and_fairness=True)
    assert options.environment == {"NODE_NETWORK_POLICY": "true", "NODE_PRIORITY_AND_FAIRNESS": "true"}


def test_node_of_a_state_without_options_has_none() -> None:
    assert state.spec({"stack": "dev", "image": "node:1"}) == NodeSpec(stack="dev", image="node:1")
    props = {"stack": "dev", "image": "node:1", "options": ["network_policy"]}
    assert state.spec(props).options == NodeOptions(network_policy=True)
    assert state.outputs(props, INFO)["options"] == ["network_policy"]


def test_node_is_recreated_when_its_options_change(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform_infra.cluster.local.node.read", lambda _stack: INFO)
    plain = {"stack": "dev", "image": "node:1"}
    limited = {**plain, "options": ["network_policy"]}
    differs = {
        (len(olds), len(news)): LocalNodeProvider().diff("n", olds, news).changes
        for olds in (plain, limited)
        for news in (plain, limited)
    }
    assert differs == {(2, 2): False, (2, 3): True, (3, 2): True, (3, 3): False}


def test_component_that_is_not_ready_is_named_with_its_log() -> None:
    text = readiness.explain_failure(
        "n", 90, 'noise\n{"component": "coredns", "problem": "timed out", "log": ["one", "two"]}\n'
    )
    assert text.startswith("n: coredns is not ready after 90 s: timed out")
    assert text.endswith("    one\n    two")


def test_unreadable_readiness_report_is_shown_unchanged() -> None:
    assert "no such file" in readiness.explain_failure("n", 90, "exec: no such file")


def test_provider_in_an_existing_state_loads() -> None:
    provider = pickle.loads(RECORDED_PROVIDER)  # noqa: S301 - the bytes are a literal of this test
    assert isinstance(provider, LocalNodeProvider)


def test_provider_is_recorded_as_the_path_of_its_class() -> None:
    recorded = base64.b64decode(serialize_provider(LocalNodeProvider()))
    assert b"platform_infra.cluster.local.provider" in recorded
    assert len(recorded) == len(RECORDED_PROVIDER)


def test_recorded_outputs_keep_their_names() -> None:
    assert state.outputs({"stack": "dev", "image": "node:2"}, INFO).keys() == {
        "stack",
        "image",
        "container",
        "identity",
        "api_port",
        "context",
        "kubeconfig",
    }
