"""The namespace of a preview that cannot be deleted: what holds it is reported, and it is not taken for deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from platform_infra.settings.sections.preview import LABEL
from tests.harness.eventually import eventually
from tests.harness.shared_clusters import kubeconfig, shared_cluster
from tools.platform.preview.cluster import Namespace
from tools.platform.preview.model import PreviewError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.harness.shared_clusters import SharedCluster

pytestmark = pytest.mark.xdist_group("shared-clusters")
NAME, NUMBER = "pr-7", 7
HOLDER = "example.com/holder"


@pytest.fixture(scope="module")
def cluster() -> Iterator[SharedCluster]:
    with shared_cluster() as started:
        yield started


def namespace(cluster: SharedCluster, name: str = NAME) -> Namespace:
    document = kubeconfig({"c": (cluster.server, cluster.authority, cluster.token)})
    return Namespace(name, kubeconfig=yaml.safe_dump(document), context="c")


def conditions(cluster: SharedCluster) -> str:
    held: Any = cluster.core.read_namespace(NAME)
    return str(held.status.conditions)


def test_held_namespace_is_reported_until_it_is_deleted(cluster: SharedCluster) -> None:
    cluster.core.create_namespace({"metadata": {"name": NAME, "labels": {LABEL: str(NUMBER)}}})
    held = {"metadata": {"name": "held", "finalizers": [HOLDER]}}
    cluster.core.create_namespaced_config_map(NAME, held)
    with pytest.raises(PreviewError, match="the namespace pr-7 still exists 0 s after its deletion"):
        namespace(cluster).delete(NUMBER, within=0)
    eventually(lambda: conditions(cluster), lambda text: HOLDER in text, within=60)
    with pytest.raises(PreviewError, match=f"ConfigMap {NAME}/held has the finalizer {HOLDER}") as caught:
        namespace(cluster).delete(NUMBER, within=0)
    assert f"kubectl --context c -n {NAME} patch configmaps held" in caught.value.hint
    assert caught.value.hint.endswith("then run `tools/notif-platform preview down 7` again")

    cluster.core.patch_namespaced_config_map("held", NAME, {"metadata": {"finalizers": None}})
    namespace(cluster).delete(NUMBER)
    assert NAME not in {each.metadata.name for each in cluster.core.list_namespace().items}


def test_namespace_without_the_label_of_the_preview_stays(cluster: SharedCluster) -> None:
    cluster.core.create_namespace({"metadata": {"name": "pr-8", "labels": {LABEL: "9"}}})
    namespace(cluster, "pr-8").delete(8)
    assert "pr-8" in {each.metadata.name for each in cluster.core.list_namespace().items}
