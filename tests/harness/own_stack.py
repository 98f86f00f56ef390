"""A stack with its own local node, for tests of options that the node of the disposable stack does not have."""

from __future__ import annotations

import contextlib
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.harness.claims import claimed, release
from tests.harness.cluster import Cluster
from tests.harness.ephemeral import parts
from tests.harness.node import Node
from tools.localcluster.image.images import ensure_images
from tools.platform.pulumi.operations import destroy, up
from tools.platform.pulumi.stack import exists, open_stack, remove

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnStack:
    """A stack that is up. `values` are its settings, `outputs` those of the last update."""

    name: str
    values: Mapping[str, Any]
    outputs: Mapping[str, Any]
    cluster: Cluster
    node: Node

    def update(self, **values: object) -> bool:
        """Update the stack with further settings; return whether anything changed."""
        _, changed = up(open_stack(self.name, config={**self.values, **values}))
        return changed


@contextlib.contextmanager
def own_stack(**values: object) -> Iterator[OwnStack]:
    """Bring up a stack with its own node, and destroy both after the block."""
    parts()
    ensure_images(network_policy=bool(values.get("clusterLocalNetworkPolicy")))
    name = f"ci-{uuid.uuid4().hex[:6]}-own"
    with claimed(name) as claim:
        stack = open_stack(name, config={"clusterKind": "local", **values})
        try:
            outputs, _ = up(stack)
            yield OwnStack(
                name=name,
                values={"clusterKind": "local", **values},
                outputs=outputs,
                cluster=Cluster(_write(claim / "kubeconfig", outputs["kubeconfig"])),
                node=Node(outputs["node"]),
            )
        finally:
            if exists(name):
                destroy(stack)
                remove(stack, generated=True)
        release(claim)


def _write(file: Path, content: str) -> Path:
    file.touch(mode=0o600)
    file.write_text(content)
    return file
