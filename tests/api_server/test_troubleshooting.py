"""docs/troubleshoot-delivery.md, with a real operator: its commands lead from a message that failed to its delivery."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from notification_contract import names as contract
from platform_infra import names
from tests.api_server.conftest import KIND
from tests.harness.eventually import eventually
from tests.harness.operator_process import OperatorProcess
from tests.harness.operators import LABEL, OperatorSpec
from tests.harness.pod_command import notif_in_pod
from tests.harness.process_account import ProcessAccount
from tests.kit.pages import transcribe
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.api_server.conftest import ApiServer
    from tests.harness.cluster import Cluster

pytestmark = pytest.mark.xdist_group("api-server")
PAGE = (ROOT / "docs" / "troubleshoot-delivery.md").read_text("utf-8")
MISSING_SECRET = {"type": "slack", "slack": {"webhookUrlSecretRef": {"name": "absent"}}}


def commands(heading: str) -> list[str]:
    """Return the commands of `notif` below a heading of the page; those before the first heading for an empty one."""
    section = re.split(r"^## ", PAGE, flags=re.MULTILINE)
    (text,) = [each for each in section if each.startswith(heading or "# ")]
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    return [line for block in blocks for line in block.splitlines() if line.startswith("notif ")]


class Namespace:
    """A namespace with an operator that serves it."""

    def __init__(self, cluster: Cluster, folder: Path, cleanup: contextlib.ExitStack) -> None:
        self.cluster = cluster
        unique = f"trouble-{uuid.uuid4().hex[:8]}"
        self.name = cluster.create_namespace({**names.labels("namespace"), LABEL: unique})
        cleanup.callback(cluster.core.delete_namespace, self.name)
        account = ProcessAccount(cluster, self.name)
        cleanup.callback(account.remove)
        account.write_kubeconfig(folder / "kubeconfig")
        spec = OperatorSpec(name=unique, namespace=self.name, settings={"channelsSlackEnabled": False})
        self.operator = OperatorProcess(
            cluster=cluster, spec=spec, sink="http://127.0.0.1:1", kubeconfig=folder / "kubeconfig"
        )
        cleanup.callback(self.operator.stop)
        self.operator.start()

    def apply(self, kind: str, name: str, spec: dict[str, Any]) -> None:
        metadata = {"name": name, "namespace": self.name}
        self.cluster.apply(
            {"apiVersion": contract.API_VERSION, "kind": kind, "metadata": metadata, "spec": spec}
        )

    def send(self, name: str) -> None:
        """Create a notification for the receiver `team` that is attempted once."""
        spec = {"type": "simple", "subject": name, "body": name, "receiverRefs": [{"name": "team"}]}
        self.apply(names.KIND, name, {**spec, "retryPolicy": {"maxAttempts": 1}})

    def phases(self) -> dict[str, str]:
        """Return the phase of each notification; a replay has the name of its original and a quotation mark."""
        listed = self.cluster.request("GET", f"{KIND}/{self.name}/{names.PLURAL}")["items"]
        return {
            f"{obj['spec']['replayOf']['name']}'" if "replayOf" in obj["spec"] else obj["metadata"]["name"]: (
                obj["status"].get("phase", "")
            )
            for obj in listed
        }

    def run(self, command: str, notification: str = "first") -> subprocess.CompletedProcess[str]:
        """Run a command of the page."""
        values = {"NAMESPACE": self.name, "RECEIVER": "team", "NAME": notification, "BATCH": "repair"}
        for placeholder, value in values.items():
            command = re.sub(rf"\b{placeholder}\b", value, command)
        words = shlex.split(command, comments=True)[1:]
        # The page is for a terminal, where replay asks.
        answer = ["--yes"] if words[0] == "replay" else []
        done = subprocess.run(
            [sys.executable, "-m", "notification_cli", *words, *answer],
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT / "operator"),
                "KUBECONFIG": str(self.cluster.kubeconfig),
                "NOTIF_OPERATOR_NAMESPACE": self.name,
            },
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        transcribe(command, done.stdout + done.stderr)
        return done


@pytest.fixture
def namespace(api_server: ApiServer) -> Iterator[Namespace]:
    with contextlib.ExitStack() as cleanup:
        folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="trouble-")))
        yield Namespace(api_server.cluster, folder, cleanup)


@pytest.mark.long
def test_page_leads_from_a_failed_message_to_its_delivery(namespace: Namespace, tmp_path: Path) -> None:
    namespace.apply(names.RECEIVER_KIND, "team", MISSING_SECRET)
    namespace.send("first")
    namespace.send("second")
    failed = {"first": "Failed", "second": "Failed"}
    eventually(namespace.phases, lambda phases: phases == failed, within=20)
    diagnosis = [namespace.run(each) for each in (*commands(""), *commands("3. The receiver"))]
    assert [done.returncode for done in diagnosis] == [0] * len(diagnosis), [
        each.stderr for each in diagnosis
    ]
    assert "ReceiverNotReady" in diagnosis[0].stdout
    assert "SecretNotFound" in diagnosis[-1].stdout
    # By kubectl exec in the operator's pod.
    why = ["why", "first", "-n", namespace.name, "--operator-namespace", namespace.name]
    explained = notif_in_pod(
        namespace.cluster, namespace=namespace.name, account=names.OPERATOR, arguments=why, folder=tmp_path
    )
    assert (explained.returncode, explained.stdout) == (0, diagnosis[0].stdout)
    namespace.apply(names.RECEIVER_KIND, "team", {"type": "console"})
    (test,) = commands("5. Repair and test")
    tested = namespace.run(test)
    assert (tested.returncode, tested.stderr) == (0, "")
    replay, plan, redrive = commands("6. Send again")
    assert namespace.run(replay).returncode == 0
    assert namespace.phases() == failed | {"first'": "Sent"}
    assert "second" in namespace.run(plan).stdout
    assert "second'" not in namespace.phases()
    sent = namespace.run(redrive)
    assert sent.returncode == 0, sent.stderr
    assert "batch repair: 1 created" in sent.stderr
    eventually(namespace.phases, lambda phases: phases.get("second'") == "Sent", within=20)
