"""`notif check` and `notif version` on a whole platform: the operator's Deployment, its Lease, and its metrics through a kubelet."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from platform_infra import names
from tests.harness.eventually import eventually
from tests.harness.gateway import HOME
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from tests.harness.cluster import Cluster

pytestmark = pytest.mark.needs_pod


def notif(cluster: Cluster, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "notification_cli", *arguments, "--operator-namespace", HOME],
        env={**os.environ, "KUBECONFIG": str(cluster.kubeconfig), "PYTHONPATH": str(ROOT / "operator")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_check_of_a_running_platform_finds_no_fault(cluster: Cluster) -> None:
    done = eventually(
        lambda: notif(cluster, "check", "-o", "json"), lambda each: each.returncode == 0, within=120
    )
    found = {each["check"]: each["result"] for each in json.loads(done.stdout)["checks"]}
    assert {name for name, result in found.items() if result == "Passed"} >= {
        *("kubernetes", names.CRD, names.RECEIVER_CRD, "operator", "metrics"),
    }


def test_version_names_the_image_of_the_running_operator(cluster: Cluster) -> None:
    server = json.loads(notif(cluster, "version", "-o", "json").stdout)["server"]
    assert (
        server["image"]
        == cluster.deployment(HOME, names.OPERATOR)["spec"]["template"]["spec"]["containers"][0]["image"]
    )
    assert server["kubernetes"].startswith("v1.")
