"""The node of a disposable stack, as a container of testcontainers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer

from platform_infra.cluster.local import node
from platform_infra.cluster.local.spec import NodeInfo, NodeSpec
from platform_infra.docker_client import connected

if TYPE_CHECKING:
    from collections.abc import Mapping

    from docker import DockerClient
    from docker.models.containers import Container

TYPED = ("environment", "volumes", "tmpfs", "ports")
"""Arguments that testcontainers stores in separate attributes."""

SINK_PORT, PROXY_PORT = 30080, 30081
"""NodePorts that the node's container publishes on this machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StartedNode:
    """A ready node, and the port of 127.0.0.1 for each published NodePort."""

    info: NodeInfo
    ports: Mapping[int, int]


def start_node(*, stack: str, image: str, labels: Mapping[str, str] | None = None) -> StartedNode:
    """Start a node and wait until it is ready; if this fails, the node is deleted.

    The caller deletes the node. The reaper of testcontainers is disabled, because its image would have to be pulled.
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
    with connected() as client:
        ports = client.containers.get(container).ports
    published = {port: ports[f"{port}/tcp"] or [] for port in (SINK_PORT, PROXY_PORT)}
    return {port: int(addresses[0]["HostPort"]) for port, addresses in published.items()}
