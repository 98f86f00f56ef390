"""Between Pulumi's dictionaries and the node's own types: pure."""

from __future__ import annotations

from typing import Any

from platform_infra.cluster.local.spec import CONTEXT, NodeInfo, NodeSpec


def spec(props: dict[str, Any]) -> NodeSpec:
    """The node that these inputs ask for."""
    return NodeSpec(stack=props["stack"], image=props["image"])


def outputs(props: dict[str, Any], info: NodeInfo) -> dict[str, Any]:
    """All properties of the resource, with the image that the node really runs."""
    return {
        "stack": props["stack"],
        "image": info.image,
        "container": info.name,
        "identity": info.identity,
        "api_port": info.api_port,
        "context": CONTEXT,
        "kubeconfig": info.kubeconfig,
    }


def changed(olds: dict[str, Any], news: dict[str, Any], name: str) -> bool:
    """Whether this input differs."""
    return bool(olds.get(name) != news.get(name))
