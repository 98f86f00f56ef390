"""The chart at a real API server without nodes: every object is accepted, and a release gets receivers with its first upgrade."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from notification_contract.names import API_VERSION, RECEIVER_PLURAL
from tests.harness.cluster import Cluster
from tests.harness.control_plane import control_plane
from tests.kit.chart_values import BASE, RECEIVERS
from tests.kit.helm import CHART, helm
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.xdist_group("api-server"), pytest.mark.timeout(240, func_only=True)]
HOME = "notification-system"
ALL: dict[str, Any] = {
    **BASE,
    "gatewayEnabled": True,
    "gatewayHost": "hooks.example.com",
    "gatewayAllowedCidrs": ["192.0.2.0/24"],
    "drillSchedule": "0 9 * * 1",
    "monitoringMode": "annotations",
    "channelsFileEnabled": True,
    "channelsFileVolume": "hostPath",
    "routing": {"receivers": [{"name": "all", "console_configs": [{}]}], "route": {"receiver": "all"}},
    "extraObjects": [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "{{ .Release.Name }}-extra", "namespace": HOME},
        }
    ],
}
WITH_RECEIVERS = {**ALL, "receivers": RECEIVERS}


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with control_plane() as plane:
        yield Cluster(plane.kubeconfig)


def release(cluster: Cluster, verb: str, values: dict[str, Any]) -> str:
    """Install or upgrade the release, and return the error; empty if it worked."""
    arguments = (verb, "notifications", str(CHART), "--namespace", "default", "--values", "-")
    done = helm(*arguments, text=json.dumps(values), kubeconfig=cluster.kubeconfig)
    return done.stderr if done.returncode else ""


def test_release_installs_every_object_and_gets_receivers_later(cluster: Cluster) -> None:
    assert 'no matches for kind "NotificationReceiver"' in release(cluster, "install", WITH_RECEIVERS)
    assert release(cluster, "install", ALL) == ""
    assert cluster.request("GET", f"/api/v1/namespaces/{HOME}/configmaps/notifications-extra")
    assert release(cluster, "upgrade", WITH_RECEIVERS) == ""
    listed = cluster.request("GET", f"/apis/{API_VERSION}/namespaces/{HOME}/{RECEIVER_PLURAL}")
    assert {each["metadata"]["name"] for each in listed["items"]} == {each["name"] for each in RECEIVERS}


def test_release_is_forgotten_and_its_objects_stay(cluster: Cluster) -> None:
    """As the page says for a release that Pulumi has taken over."""
    assert release(cluster, "install", ALL) == ""
    page = (ROOT / "docs" / "yaml-and-helm.md").read_text("utf-8")
    (selector,) = re.findall(
        r"^kubectl --namespace default delete secret --selector (\S+)", page, re.MULTILINE
    )
    cluster.request("DELETE", f"/api/v1/namespaces/default/secrets?labelSelector={selector}")
    assert json.loads(helm("list", "--output", "json", kubeconfig=cluster.kubeconfig).stdout) == []
    assert cluster.request("GET", f"/apis/apps/v1/namespaces/{HOME}/deployments/notification-operator")
