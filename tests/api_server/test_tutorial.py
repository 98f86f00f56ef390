"""The tutorial on a real API server: its manifests are accepted, and its commands work with the rights of its account."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from platform_infra import names
from tests.api_server.conftest import KIND
from tests.harness.eventually import eventually
from tests.harness.pod_command import notif_in_pod
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.api_server.conftest import ApiServer

pytestmark = pytest.mark.xdist_group("api-server")
FILES = ("account", "receiver", "failing-job", "job", "cronjob", "heartbeat")
NAMESPACE = "shop"
ACCOUNT = f"system:serviceaccount:{NAMESPACE}:notifier"
NOTIFICATIONS = f"{KIND}/{NAMESPACE}/{names.PLURAL}"


def documents(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((ROOT / "examples" / "tutorial" / f"{name}.yaml").read_text("utf-8")))


@pytest.fixture(scope="module")
def applied(api_server: ApiServer) -> ApiServer:
    """The API server with the objects of the tutorial."""
    for name in FILES:
        for obj in documents(name):
            api_server.cluster.apply(obj)
    listing = eventually(
        lambda: api_server.send("GET", NOTIFICATIONS, user=ACCOUNT),
        lambda answer: answer.code == 200,
        within=10,
    )
    assert listing.document["items"] == []
    return api_server


def container(name: str) -> dict[str, Any]:
    """Return the container that sends, of the Job or of the CronJob."""
    (obj,) = documents(name)
    spec = obj["spec"]["jobTemplate"]["spec"] if name == "cronjob" else obj["spec"]
    pod = spec["template"]["spec"]
    assert pod["serviceAccountName"] == "notifier"
    (result,) = pod["containers"]
    return dict(result)


@pytest.mark.parametrize("name", ["job", "cronjob"])
def test_command_of_the_manifest_sends_once_with_the_account_of_the_pod(
    applied: ApiServer, name: str, tmp_path: Path
) -> None:
    sender = container(name)
    assert sender["command"] == ["notif", "send"]
    # Without an operator, nothing is delivered; the Job waits for that.
    words = [each.replace("$(JOB)", f"{name}-1") for each in sender["args"] if each != "--wait"]
    runs = [
        notif_in_pod(
            applied.cluster,
            namespace=NAMESPACE,
            account="notifier",
            arguments=["send", *words, "-o", "json"],
            folder=tmp_path,
        )
        for _ in range(2)
    ]
    assert [(run.returncode, run.stderr) for run in runs] == [(0, ""), (0, "")]
    sent = [json.loads(run.stdout)["metadata"]["name"] for run in runs]
    assert sent[0] == sent[1]
    stored = applied.cluster.get(NAMESPACE, sent[0])
    assert stored is not None
    assert stored["spec"]["subject"] == words[words.index("--subject") + 1]
    assert stored["spec"]["receiverRefs"] == [{"name": "team", "namespace": NAMESPACE}]


def test_account_of_the_tutorial_reads_neither_receivers_nor_secrets(applied: ApiServer) -> None:
    paths = (f"{KIND}/{NAMESPACE}/{names.RECEIVER_PLURAL}", f"/api/v1/namespaces/{NAMESPACE}/secrets")
    assert [applied.send("GET", path, user=ACCOUNT).code for path in paths] == [403, 403]


def test_page_shows_what_the_manifests_have() -> None:
    page = (ROOT / "docs" / "tutorial.md").read_text("utf-8")
    assert all(f"examples/tutorial/{name}.yaml" in page for name in FILES)
    assert f"args: [{', '.join(container('job')['args'])}]" in page
