"""docs/install.md, upgrade.md and uninstall.md at a real API server: the commands for Pulumi run as written, and data is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest
import yaml
from kubernetes import client

from platform_infra import names
from tests.harness.notifications import notification
from tests.harness.shared_clusters import NAMESPACE, STACK
from tests.kit.pages import PLATFORM, platform_commands, settings, transcribe

if TYPE_CHECKING:
    from tests.harness.shared_clusters import SharedCluster, Team

pytestmark = [pytest.mark.xdist_group("shared-clusters"), pytest.mark.timeout(480, func_only=True)]
PULUMI = "With Pulumi"
ELSEWHERE = ("init", "login", "crd-check")
"""Commands that need AWS, write a file for it, or need a release in Git."""
RECEIVER: Final[dict[str, Any]] = {
    "apiVersion": f"{names.GROUP}/{names.VERSION}",
    "kind": names.RECEIVER_KIND,
    "metadata": {"name": "of-a-user", "namespace": NAMESPACE},
    "spec": {"type": "log"},
}
SECRET = {"metadata": {"name": "of-a-user"}, "stringData": {"url": "https://hooks.example.com"}}


ASKING = frozenset({"up", "down", "rollback"})


def run(team: Team, *words: str) -> None:
    """Run a command of the platform, and answer its question."""
    result = team.platform(*words, *(["--yes"] if words[0] in ASKING else []))
    transcribe(PLATFORM + " ".join(words), result.text)
    assert result.code == 0, result.text


def install(team: Team) -> None:
    """Run the commands of the installation, with a passphrase instead of KMS."""
    (values,) = settings("install.md", PULUMI)
    own = {key: value for key, value in values.items() if not key.startswith("cluster")}
    team.configure("there", **own)
    follow(team, "install.md")


def follow(team: Team, page: str) -> None:
    """Run the commands of a page."""
    for words in platform_commands(page, PULUMI, STACK):
        if not any(each in words for each in ELSEWHERE):
            run(team, *words)


def image(team: Team) -> str:
    """Return the image in the stack's file."""
    return str(yaml.safe_load(team.file.read_text("utf-8"))["config"][f"{names.PROJECT}:operatorImage"])


def create_data(cluster: SharedCluster) -> None:
    """Create a notification, and in the operator's namespace a receiver and a Secret, as users do."""
    objects = client.CustomObjectsApi(cluster.api)
    for obj, plural in ((notification("default"), names.PLURAL), (RECEIVER, names.RECEIVER_PLURAL)):
        home = obj["metadata"]["namespace"]
        objects.create_namespaced_custom_object(names.GROUP, names.VERSION, home, plural, obj)
    cluster.core.create_namespaced_secret(NAMESPACE, SECRET)


def data(cluster: SharedCluster) -> set[tuple[str, str]]:
    """Return name and identity of each object of users, of the CRDs and of the namespace."""
    objects = client.CustomObjectsApi(cluster.api)
    of_kinds = [
        (each["metadata"]["name"], each["metadata"]["uid"])
        for plural in (names.PLURAL, names.RECEIVER_PLURAL)
        for each in objects.list_cluster_custom_object(names.GROUP, names.VERSION, plural)["items"]
    ]
    secret = cluster.core.read_namespaced_secret("of-a-user", NAMESPACE).metadata
    around = (secret, cluster.namespace(), cluster.definition(), cluster.definition(names.RECEIVER_CRD))
    return {*of_kinds, *((each.name, each.uid) for each in around)}


@pytest.mark.long
def test_data_outlives_upgrade_and_uninstallation(team: Team, cluster: SharedCluster) -> None:
    install(team)
    create_data(cluster)
    before, installed_image = data(cluster), image(team)
    # The page ends with the rollback.
    follow(team, "upgrade.md")
    assert image(team) == installed_image
    assert data(cluster) == before

    (installed,), (kept,) = (settings(page, PULUMI) for page in ("install.md", "uninstall.md"))
    own = {key: value for key, value in {**installed, **kept}.items() if not key.startswith("cluster")}
    team.configure("there", **own)
    follow(team, "uninstall.md")
    assert data(cluster) == before

    cluster.upserts()
    team.up("--adopt", "--yes")
    assert data(cluster) == before
