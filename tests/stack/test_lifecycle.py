"""A stack with its own cluster: up, up again without changes, down without remains."""

import os
import uuid
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import docker
import pytest
from pulumi import automation as auto

from platform_infra.cluster.local.spec import LABEL
from tests.harness.claims import FOLDER, claimed, release
from tests.harness.cluster import Cluster
from tests.harness.notifications import notification
from tools.platform.pulumi.environment import STATE_FOLDER
from tools.platform.pulumi.operations import destroy, refresh_preview, up
from tools.platform.pulumi.stack import exists, open_stack, remove

pytestmark = pytest.mark.xdist_group("engine")


@pytest.fixture
def own() -> Iterator[auto.Stack]:
    name = f"ci-{uuid.uuid4().hex[:6]}-own"
    with claimed(name) as claim:
        config = {"clusterKind": "local", "channelsFileEnabled": True, "gatewayEnabled": True}
        stack = open_stack(name, config=config)
        try:
            yield stack
        finally:
            if exists(stack.name):
                destroy(stack)
                remove(stack, generated=True)
        release(claim)


def belongings(stack: str) -> list[str]:
    """Return the names of all Docker objects of a stack."""
    client = docker.from_env()
    mine: dict[str, str | list[str] | bool] = {"label": f"{LABEL}={stack}"}
    containers = [str(each.name) for each in client.containers.list(all=True, filters=mine)]
    volumes = [str(each.name) for each in client.volumes.list(filters=mine)]
    return containers + volumes + [str(each.name) for each in client.networks.list(filters=mine)]


def test_stack_comes_up_delivers_has_no_diff_and_is_destroyed_completely(
    own: auto.Stack, tmp_path: Path
) -> None:
    created, changed = up(own)
    assert changed
    assert belongings(own.name)
    assert "BEGIN" not in own.export_stack().deployment.__repr__()

    (tmp_path / "kubeconfig").write_text(created["kubeconfig"])
    cluster = Cluster(tmp_path / "kubeconfig")
    obj = notification("default", channels=["console", "file"])
    cluster.create(obj)
    cluster.phase("default", obj["metadata"]["name"], "Sent", within=20)

    _, changed = up(own)
    assert not changed
    own.preview(expect_no_changes=True)
    assert refresh_preview(own).completed == (), "controllers and pods have written since"

    destroy(own)
    remove(own, generated=True)
    assert belongings(own.name) == []
    assert not exists(own.name)
    # Unlike `rglob`, this passes over a folder that another stack removes meanwhile.
    entries = [Path(folder, entry) for folder, *inside in os.walk(STATE_FOLDER) for entry in chain(*inside)]
    left = [entry for entry in entries if own.name in entry.name and entry != FOLDER / own.name]
    assert left == []
