"""The node of a disposable stack, as a testcontainers container."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer

from platform_infra.cluster.local import node
from platform_infra.cluster.local.spec import NodeInfo, NodeSpec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docker import DockerClient
    from docker.models.containers import Container

TYPED = ("environment", "volumes", "tmpfs", "ports")
"""Arguments that testcontainers keeps in attributes of its own."""


@contextmanager
def node_container(*, stack: str, image: str) -> Iterator[NodeInfo]:
    """Start a node, wait until it is ready, and leave nothing of it behind.

    The reaper of testcontainers would have to be pulled; the context manager does its work instead.
    """
    testcontainers_config.ryuk_disabled = True
    info = node.create(NodeSpec(stack=stack, image=image), launch=_launch)
    try:
        yield info
    finally:
        node.delete(stack)


def _launch(_client: DockerClient, image: str, arguments: dict[str, Any]) -> Container:
    typed = {key: arguments[key] for key in TYPED}
    plain = {key: value for key, value in arguments.items() if key not in TYPED}
    container = DockerContainer(image).with_name(plain.pop("name")).with_kwargs(**plain)
    container.env, container.volumes = typed["environment"], typed["volumes"]
    container.tmpfs, container.ports = typed["tmpfs"], typed["ports"]
    container.start()
    started: Container = container.get_wrapped_container()
    return started
