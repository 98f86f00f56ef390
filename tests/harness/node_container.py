"""The node of a disposable stack, as a testcontainers container."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import docker
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer

from platform_infra.cluster.local import node
from platform_infra.cluster.local.spec import NodeInfo, NodeSpec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from docker import DockerClient
    from docker.models.containers import Container

TYPED = ("environment", "volumes", "tmpfs", "ports")
"""Arguments that testcontainers keeps in attributes of its own."""

SINK_PORT, PROXY_PORT = 30080, 30081
"""NodePorts in the cluster that this machine reaches through the node's container."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StartedNode:
    """A node that is ready, and the ports of 127.0.0.1 that lead to NodePorts of its cluster."""

    info: NodeInfo
    ports: Mapping[int, int]


def start_node(*, stack: str, image: str, labels: Mapping[str, str] | None = None) -> StartedNode:
    """Start a node and wait until it is ready; nothing of it is left when that fails.

    The reaper of testcontainers would have to be pulled; whoever starts a node deletes it.
    """
    testcontainers_config.ryuk_disabled = True
    launch = partial(_launch, labels=labels or {})
    info = node.create(NodeSpec(stack=stack, image=image), launch=launch)
    return StartedNode(info=info, ports=_published(info.name))


def _launch(
    _client: DockerClient, image: str, arguments: dict[str, Any], *, labels: Mapping[str, str]
) -> Container:
    typed = {key: arguments[key] for key in TYPED}
    plain = {key: value for key, value in arguments.items() if key not in TYPED}
    plain["labels"] = {**plain["labels"], **labels}
    container = DockerContainer(image).with_name(plain.pop("name")).with_kwargs(**plain)
    container.env, container.volumes = typed["environment"], typed["volumes"]
    container.tmpfs = typed["tmpfs"]
    container.ports = {
        **typed["ports"],
        **{f"{port}/tcp": ("127.0.0.1", 0) for port in (SINK_PORT, PROXY_PORT)},
    }
    container.start()
    started: Container = container.get_wrapped_container()
    return started


def _published(container: str) -> dict[int, int]:
    client = docker.from_env()
    try:
        ports = client.containers.get(container).ports
    finally:
        client.close()
    published = {port: ports[f"{port}/tcp"] or [] for port in (SINK_PORT, PROXY_PORT)}
    return {port: int(places[0]["HostPort"]) for port, places in published.items()}
