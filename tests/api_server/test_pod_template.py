"""The Deployment of an earlier release, which mounted a ConfigMap, is updated in place and back, by server-side apply."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest

from platform_infra import names
from tests.api_server.conftest import NAMESPACE
from tests.unit.infra.recording import record_bundle

if TYPE_CHECKING:
    from tests.api_server.conftest import ApiServer

pytestmark = pytest.mark.xdist_group("api-server")
PATH = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{names.OPERATOR}?fieldManager=pulumi-kubernetes"


def config_volume(deployment: dict[str, Any]) -> dict[str, Any]:
    volumes = deployment["spec"]["template"]["spec"]["volumes"]
    (volume,) = [each for each in volumes if each["name"] == "config"]
    return dict(volume)


def of_the_earlier_release(deployment: dict[str, Any]) -> dict[str, Any]:
    earlier = copy.deepcopy(deployment)
    template = earlier["spec"]["template"]
    del template["metadata"]["annotations"]
    volumes = [each for each in template["spec"]["volumes"] if each["name"] != "config"]
    config = {"name": "config", "configMap": {"name": f"{names.OPERATOR}-0123456789"}}
    template["spec"]["volumes"] = [config, *volumes]
    return earlier


def test_deployment_moves_from_the_config_map_to_the_annotation_and_back(api_server: ApiServer) -> None:
    recorded = record_bundle(None, monitoringMode="none").one("Deployment").inputs
    present = {"apiVersion": "apps/v1", "kind": "Deployment", **recorded}
    uids = set()
    for deployment, source in (
        (of_the_earlier_release(present), "configMap"),
        (present, "downwardAPI"),
        (of_the_earlier_release(present), "configMap"),
    ):
        answer = api_server.send("PATCH", PATH, deployment, content="application/apply-patch+yaml")
        assert answer.code < 300, answer.message
        assert config_volume(answer.document).keys() == {"name", source}
        uids.add(answer.document["metadata"]["uid"])
    assert len(uids) == 1
    api_server.send("DELETE", PATH)
