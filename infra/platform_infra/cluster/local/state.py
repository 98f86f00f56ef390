"""Translation between Pulumi's property dictionaries and the node's types: pure."""

from __future__ import annotations

from typing import Any

from platform_infra.cluster.local.spec import CONTEXT, NodeInfo, NodeOptions, NodeSpec


def spec(props: dict[str, Any]) -> NodeSpec:
    """Return the node that the inputs describe."""
    return NodeSpec(stack=props["stack"], image=props["image"], options=options(props))


def options(props: dict[str, Any]) -> NodeOptions:
    """Return the options; a state has the property only if an option is on."""
    return NodeOptions(**dict.fromkeys(props.get("options") or (), True))


def outputs(props: dict[str, Any], info: NodeInfo) -> dict[str, Any]:
    """Return all properties of the resource, with the image that the node runs."""
    chosen = {"options": props["options"]} if props.get("options") else {}
    return {
        **chosen,
        "stack": props["stack"],
        "image": info.image,
        "container": info.name,
        "identity": info.identity,
        "api_port": info.api_port,
        "context": CONTEXT,
        "kubeconfig": info.kubeconfig,
    }


def changed(olds: dict[str, Any], news: dict[str, Any], name: str) -> bool:
    """Return whether the property `name` differs."""
    return bool(olds.get(name) != news.get(name))
