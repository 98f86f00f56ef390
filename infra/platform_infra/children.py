"""The names of the resources inside a component."""

from __future__ import annotations

from typing import Final

import pulumi

DELETION_TIMEOUT: Final = pulumi.CustomTimeouts(delete="5m")
"""The limit for an object whose deletion waits for its content, which a finalizer of another controller can hold forever."""


class Children:
    """The names and options of a component's children; each name begins with the name of the component's instance.

    A URN contains the types of the parents and not their names, so that two instances of a component need different names
    for their children.
    """

    def __init__(
        self, parent: pulumi.Resource, name: str, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Take the component, the name of its instance, and options of all its children."""
        self._instance = name
        self._options = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(parent=parent))

    def name(self, part: str) -> str:
        return f"{self._instance}-{part}"

    def options(self, opts: pulumi.ResourceOptions | None = None) -> pulumi.ResourceOptions:
        """Return the options of a child: those of all children, and `opts`."""
        return pulumi.ResourceOptions.merge(self._options, opts)
