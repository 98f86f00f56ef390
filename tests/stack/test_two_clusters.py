"""One program of Pulumi with an instance of the component in each of two clusters: both deliver, and nothing is left."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from platform_infra import names
from platform_infra.image import build as image_build
from tests.harness.checkout import ENGINE, Checkout
from tests.harness.notifications import notification
from tests.harness.own_stack import own_stack

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.long,
    pytest.mark.alone,
    pytest.mark.needs_pod,
    pytest.mark.timeout(600, func_only=True),
]
PROGRAM = ENGINE / "two_clusters.py"
STACK = ("--stack", "trial")
UP = ("up", "--yes", "--skip-preview", *STACK)
OTHERS = ["default"]
"""What the operators of the clusters' own stacks watch."""


def test_one_program_serves_two_clusters(tmp_path: Path) -> None:
    with own_stack(watchNamespaces=OTHERS) as first, own_stack(watchNamespaces=OTHERS) as second:
        clusters = {"orders": first.cluster, "billing": second.cluster}
        for team, cluster in clusters.items():
            cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": team}})
        checkout = Checkout(tmp_path)
        shutil.copy(PROGRAM, checkout.folder / "infra" / "__main__.py")
        checkout.use_own_secrets()
        checkout.environment |= {
            "TRIAL_IMAGE": image_build.image_name(""),
            "TRIAL_KUBECONFIGS": "\n".join(str(cluster.kubeconfig) for cluster in clusters.values()),
        }
        assert checkout.pulumi("stack", "init", "trial").code == 0
        for command in (UP, (*UP, "--expect-no-changes")):
            result = checkout.pulumi(*command)
            assert result.code == 0, result.text
        for team, cluster in clusters.items():
            obj = cluster.create(notification(team))
            assert cluster.final(team, obj["metadata"]["name"])["status"]["phase"] == "Sent"
            (other,) = clusters.keys() - {team}
            assert not cluster.pods(f"{other}-notifications", f"app.kubernetes.io/name={names.OPERATOR}")
        result = checkout.pulumi("destroy", "--yes", "--skip-preview", *STACK)
        assert result.code == 0, result.text
        for team, cluster in clusters.items():
            assert f"{team}-notifications" not in {
                each.metadata.name for each in cluster.core.list_namespace().items
            }
