"""An empty node, for tests that create their own stacks in it."""

from __future__ import annotations

import contextlib
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from platform_infra.cluster.local import node
from tests.harness.claims import claimed, release
from tests.harness.cluster import Cluster
from tests.harness.deploy import progress
from tests.harness.ephemeral import parts
from tests.harness.leftovers import OWNER_LABEL, owner, remove_leftovers
from tests.harness.node_container import start_node
from tests.harness.programs import undisturbed
from tools.platform.processes import terminated_as_interrupted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class BareNode:
    """A node's container, and its cluster; `kubeconfig` is the path of a file."""

    container: str
    kubeconfig: str
    cluster: Cluster


@contextlib.contextmanager
def bare_node() -> Iterator[BareNode]:
    """Start a node, and delete it after the block."""
    image = parts()
    remove_leftovers()
    name = f"ci-{uuid.uuid4().hex[:6]}"
    with terminated_as_interrupted(), claimed(name) as folder, contextlib.ExitStack() as cleanup:
        cleanup.callback(_delete, name, folder)
        with progress(f"{name}: node"):
            started = start_node(stack=name, image=image, labels={OWNER_LABEL: owner()})
        file = folder / "kubeconfig"
        file.touch(mode=0o600)
        file.write_text(started.info.kubeconfig)
        yield BareNode(container=started.info.name, kubeconfig=str(file), cluster=Cluster(file))


def _delete(name: str, folder: Path) -> None:
    with undisturbed(), progress(f"{name}: deleting the node"):
        node.delete(name)
        release(folder)
