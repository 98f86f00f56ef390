"""`make up STACK=kind` with a stub of kind, whose cluster is a node of this repository: up, a message, up again, down."""

from __future__ import annotations

from typing import TYPE_CHECKING

import docker
import pytest

from platform_infra.cluster.kind.command import CLUSTER_LABEL
from tests.harness import kind_stub
from tests.harness.checkout import Checkout
from tests.harness.cluster import Cluster
from tests.harness.ephemeral import parts
from tests.harness.notifications import notification

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.long,
    pytest.mark.alone,
    pytest.mark.needs_pod,
    pytest.mark.timeout(600, func_only=True),
]
NAME = "trial-kind"


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Checkout]:
    """A copy of the checkout, with the stub on PATH; its cluster is deleted after the test."""
    parts()
    (tmp_path / "copy").mkdir()
    copy = Checkout(tmp_path / "copy")
    copy.environment |= kind_stub.install(tmp_path / "kind", nodes=True)
    try:
        yield copy
    finally:
        copy.run(["kind", "delete", "cluster", "--name", NAME], {})


def test_stack_in_a_cluster_of_kind_delivers_and_is_removed_completely(checkout: Checkout) -> None:
    file = checkout.folder / "stacks" / "Pulumi.kind.yaml"
    file.write_text(f"{file.read_text()}  notification-platform:clusterKindName: {NAME}\n")
    first = checkout.platform("up", "kind")
    assert first.code == 0, first.text
    cluster = Cluster(checkout.folder / ".pulumi-state" / "kubeconfigs" / "kind")
    obj = notification("default", channels=["console", "file"])
    cluster.create(obj)
    cluster.phase("default", obj["metadata"]["name"], "Sent", within=20)

    second = checkout.platform("up", "kind")
    assert "nothing to change" in second.text, second.text

    down = checkout.platform("down", "kind")
    assert down.code == 0, down.text
    assert not (checkout.folder / ".pulumi-state" / "kubeconfigs" / "kind").exists()
    assert checkout.run(["kind", "get", "clusters"], {}).text.strip() == ""
    mine: dict[str, str | list[str] | bool] = {"label": f"{CLUSTER_LABEL}={NAME}"}
    assert docker.from_env().containers.list(all=True, filters=mine) == []
