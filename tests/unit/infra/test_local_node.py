"""The pure parts of the local node: names, kubeconfig, and what Pulumi stores."""

from __future__ import annotations

from pathlib import Path

import pytest

from platform_infra.cluster.local import readiness, state
from platform_infra.cluster.local.spec import NodeInfo, NodeSpec, for_this_machine

INFO = NodeInfo(name="n", identity="abc", image="node:1", api_port=7, kubeconfig="k")


def test_a_node_is_named_after_its_stack() -> None:
    assert NodeSpec(stack="dev", image="i").name == "notification-platform-dev"


def test_stacks_that_read_alike_get_different_nodes() -> None:
    names = {
        NodeSpec(stack=stack, image="i").name for stack in ("my-stack", "My_Stack", "my_stack", "my stack")
    }
    assert len(names) == 4
    assert all(name.startswith("notification-platform-my-stack") for name in names)


def test_a_node_without_a_stack_is_refused() -> None:
    with pytest.raises(ValueError, match="stack is empty"):
        NodeSpec(stack="", image="i")


def test_everything_of_a_node_carries_its_stack_and_its_checkout() -> None:
    spec = NodeSpec(stack="dev", image="i")
    assert spec.labels == {
        "ai.kubernaut.notification-platform.stack": "dev",
        "ai.kubernaut.notification-platform.checkout": str(Path(__file__).resolve().parents[3]),
    }
    assert all(volume.startswith(spec.name) for volume in spec.volumes)
    assert spec.cgroup_root == f"/{spec.name}"


def test_the_kubeconfig_points_at_the_published_port() -> None:
    text = "server: https://127.0.0.1:6443\n"
    assert for_this_machine(text, 32768) == "server: https://127.0.0.1:32768\n"


def test_the_outputs_tell_the_image_that_the_node_really_runs() -> None:
    outputs = state.outputs({"stack": "dev", "image": "node:2"}, INFO)
    assert outputs["image"] == "node:1"
    assert outputs["stack"] == "dev"
    assert outputs["identity"] == "abc"


def test_only_a_different_input_is_a_change() -> None:
    assert state.changed({"image": "a"}, {"image": "b"}, "image")
    assert not state.changed({"image": "a", "kubeconfig": "x"}, {"image": "a"}, "image")


def test_a_node_that_is_late_names_the_part_and_shows_its_log() -> None:
    text = readiness._explain(
        "n", 90, 'noise\n{"component": "coredns", "problem": "timed out", "log": ["one", "two"]}\n'
    )
    assert text.startswith("n: coredns is not ready after 90 s: timed out")
    assert text.endswith("    one\n    two")


def test_a_readiness_answer_that_is_no_answer_is_shown_as_it_is() -> None:
    assert "no such file" in readiness._explain("n", 90, "exec: no such file")
