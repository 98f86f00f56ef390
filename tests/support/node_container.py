"""The node of a disposable stack, as a testcontainers container."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer

from platform_infra.cluster.local import node

if TYPE_CHECKING:
    from types import TracebackType


class NodeContainer:
    """Starts a node, waits until it is ready, and leaves nothing of it behind.

    The reaper of testcontainers would have to be pulled; the context manager does its work instead.
    """

    def __init__(self, *, stack: str, image: str) -> None:
        testcontainers_config.ryuk_disabled = True
        self._stack = stack
        self._spec = node.NodeSpec(stack=stack, image=image)
        self.name = self._spec.name
        self.kubeconfig = ""

    def __enter__(self) -> Self:
        """Start it."""
        with node.connected() as client:
            arguments = node.run_arguments(client, self._spec)
        try:
            container = DockerContainer(self._spec.image).with_kwargs(**arguments)
            container.start()
            self.kubeconfig = node.wait_until_ready(container.get_wrapped_container()).kubeconfig
        except BaseException:
            node.delete(self._stack)
            raise
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Remove it, with its volumes and cgroups."""
        node.delete(self._stack)
