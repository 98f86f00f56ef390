"""The node of a stack is lost, or its image has changed since: `up` makes everything again, and `down` leaves nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import docker
import pytest
from pulumi import automation as auto

from platform_infra.settings.model import Settings
from tests.harness.cluster import Cluster
from tests.harness.notifications import notification
from tests.harness.own_stack import own_stack
from tests.stack.test_lifecycle import belongings
from tools.platform.deployment.update import report_missing_node
from tools.platform.pulumi.operations import destroy, refresh_preview, up
from tools.platform.pulumi.stack import open_stack, outputs, remove

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.harness.own_stack import OwnStack

pytestmark = [
    pytest.mark.long,
    pytest.mark.alone,
    pytest.mark.needs_pod,
    pytest.mark.timeout(600, func_only=True),
]
NODE = "pulumi-python:dynamic/local:Node"
DOCKER_SECONDS = 300
"""The removal of a node takes as long as its processes."""
EARLIER = "notification-platform/node:earlier"


@pytest.fixture
def own() -> Iterator[OwnStack]:
    with own_stack() as created:
        yield created


def delivers(stack: auto.Stack, folder: Path) -> None:
    """Check that the operator of the stack delivers, in the cluster that its outputs name now."""
    file = folder / "kubeconfig"
    file.write_text(outputs(stack)["kubeconfig"])
    cluster = Cluster(file)
    obj = cluster.create(notification("default"))
    cluster.phase("default", obj["metadata"]["name"], "Sent", within=30)


def record_earlier_image(stack: auto.Stack) -> None:
    """Let the state say that the node was made from another image."""
    state = stack.export_stack()
    assert state.deployment is not None
    (node,) = [each for each in state.deployment["resources"] if each["type"] == NODE]
    node["inputs"]["image"] = node["outputs"]["image"] = EARLIER
    stack.import_stack(auto.Deployment(version=state.version, deployment=state.deployment))


def test_stack_survives_a_lost_node_and_a_new_node_image(
    own: OwnStack, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    stack, client = open_stack(own.name), docker.from_env(timeout=DOCKER_SECONDS)
    delivers(stack, tmp_path)
    assert refresh_preview(stack).completed == ()
    report_missing_node(stack, Settings())
    assert "is missing" not in capfd.readouterr().err

    client.containers.get(own.node.container).remove(force=True)
    report_missing_node(stack, Settings())
    assert f"The node {own.node.container} of {own.name} is missing or stopped" in capfd.readouterr().err
    assert up(stack)[1]
    delivers(stack, tmp_path)
    assert not up(stack)[1]

    before = client.containers.get(own.node.container).id
    record_earlier_image(stack)
    assert up(stack)[1]
    assert client.containers.get(own.node.container).id != before
    delivers(stack, tmp_path)
    assert not up(stack)[1]

    client.containers.get(own.node.container).kill()
    destroy(stack)
    remove(stack, generated=True)
    assert belongings(own.name) == []
