"""The tutorial on a whole platform: its commands run as written, and a message that a Job sends when it fails reaches Slack."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.harness.gateway import HOME
from tests.harness.operators import LABEL, working
from tests.harness.receiver_types import NETWORKS, SLACK_WEBHOOK
from tests.harness.receivers import Receivers
from tests.kit.pages import blocks
from tools.localcluster.toolchain import ensure
from tools.platform.ports import free_port
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.harness.counterparts import Account
    from tests.harness.operator_under_test import OperatorUnderTest

pytestmark = [pytest.mark.needs_pod, pytest.mark.timeout(400, func_only=True)]
PAGE, NAMESPACE = "tutorial.md", "shop"
NEWEST = (
    "$(kubectl -n shop get notif --sort-by=.metadata.creationTimestamp -o name | tail -n 1 | cut -d / -f 2)"
)
NOTIF = f"""#!{sys.executable}
from notification_cli.app import main
main()
"""


class Reader:
    """Someone with a checkout, who fills in the files as the page says and runs its commands."""

    def __init__(self, operator: OperatorUnderTest, folder: Path) -> None:
        self.cluster, self.folder = operator.cluster, folder
        shutil.copytree(ROOT / "examples", folder / "examples")
        (folder / "notif").write_text(NOTIF, "utf-8")
        (folder / "notif").chmod(0o755)

    def use_slack(self, receivers: Receivers) -> Account:
        """Put the URL of an account into the example, and name its receiver in the files of the tutorial."""
        account = receivers.account()
        account.expect("credential")
        file = self.folder / "examples" / "receivers" / "slack-webhook.yaml"
        secret, receiver, message = yaml.safe_load_all(file.read_text("utf-8"))
        secret["stringData"] = SLACK_WEBHOOK.secret(account, "credential")
        # The service of the test is in the cluster, and has a certificate of the test's authority.
        receiver["spec"]["slack"]["allowedNetworks"] = NETWORKS
        receiver["spec"]["tls"] = {"caSecretRef": {"name": receivers.authority(HOME)}}
        file.write_text(yaml.safe_dump_all([secret, receiver, message]), "utf-8")
        for each in (self.folder / "examples" / "tutorial").iterdir():
            each.write_text(each.read_text("utf-8").replace("shop/team", f"{HOME}/alerts"), "utf-8")
        return account

    def run(self, script: str) -> str:
        environment = {
            **os.environ,
            "PATH": f"{self.folder}{os.pathsep}{ensure(['kubernetes']).env()['PATH']}",
            "PYTHONPATH": str(ROOT / "operator"),
            "KUBECONFIG": str(self.cluster.kubeconfig),
        }
        done = subprocess.run(
            ["bash", "-exo", "pipefail", "-c", f"trap 'kill $(jobs -p) || true' EXIT\n{script}"],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        return done.stdout


@pytest.fixture
def reader(shipped_operator: OperatorUnderTest, tmp_path: Path) -> Iterator[Reader]:
    reader = Reader(shipped_operator, tmp_path)
    labels = {LABEL: working("shipped").name}
    namespace: dict[str, Any] = {"apiVersion": "v1", "kind": "Namespace"}
    reader.cluster.apply({**namespace, "metadata": {"name": NAMESPACE, "labels": labels}})
    yield reader
    reader.run(f"kubectl delete --ignore-not-found namespace {NAMESPACE}")


@pytest.fixture
def account(reader: Reader, shipped_operator: OperatorUnderTest) -> Account:
    receivers = Receivers(shipped_operator.cluster, sink=shipped_operator.sink_url, home=HOME)
    return reader.use_slack(receivers)


def test_tutorial_runs_as_written_until_its_message_arrives(reader: Reader, account: Account) -> None:
    shell = "\n".join(blocks("sh", PAGE)).replace("8080", str(free_port())).replace(" NAME ", f" {NEWEST} ")
    (program,) = blocks("python", PAGE)
    steps, removal = shell.split("kubectl delete namespace")

    reader.run(f"{steps}\n{sys.executable} - <<'END'\n{program}END\n")
    listed = reader.run(f"kubectl -n {NAMESPACE} get notif")
    reader.run(f"kubectl delete namespace{removal}")
    assert reader.cluster.send("GET", f"/api/v1/namespaces/{NAMESPACE}").status == 404
    reader.run(blocks("sh", PAGE)[0])

    assert "OnlyLogged" not in listed
    assert any("The export of the orders has failed" in str(hit) for hit in account.hits())
