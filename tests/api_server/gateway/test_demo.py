"""`make demo` with a gateway: its Prometheus, Alertmanager and sources with a real gateway and operator, without a cluster."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.harness.operator_process import OperatorProcess
from tests.harness.operators import OperatorSpec
from tests.harness.process_account import ProcessAccount
from tools.platform.demo.cluster import DemoCluster, manifests
from tools.platform.demo.sources import BACK, FIRING, FOLDER, MISSED, RESOLVED, SECRET, send_messages
from tools.platform.demo.sources import sources as sources_of_the_demonstration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.api_server.conftest import ApiServer
    from tests.api_server.gateway.place import Place, Replica
    from tools.platform.demo.cluster import Object

pytestmark = pytest.mark.xdist_group("api-server")


@pytest.fixture
def operator(sources: ApiServer, place: Place, tmp_path: Path) -> Iterator[OperatorProcess]:
    """An operator that reports missing heartbeats of the gateway's namespace."""
    account = ProcessAccount(sources.cluster, place.home)
    account.may_do_everything()
    file = tmp_path / "operator" / "kubeconfig"
    file.parent.mkdir()
    account.write_kubeconfig(file)
    process = OperatorProcess(
        cluster=sources.cluster,
        spec=OperatorSpec(name=place.home, namespace=place.home, settings={"gatewayEnabled": True}),
        sink="http://127.0.0.1:1",
        kubeconfig=file,
    )
    process.start()
    yield process
    process.stop()
    account.remove()


def messages(place: Place) -> list[dict[str, Any]]:
    """Return the notifications as the inbox would have them."""
    return [
        {"number": number, "subject": each["spec"]["subject"], "spec": each["spec"]}
        for number, each in enumerate(place.notifications(), 1)
    ]


COMMAND = """
import sys
from pathlib import Path
from tools.platform.demo.cluster import DemoCluster
from tools.platform.demo.sources import send_messages, sources
from tools.platform.processes import terminated_as_interrupted

kubeconfig, home, gateway = sys.argv[1:]
with terminated_as_interrupted(), sources(DemoCluster(Path(kubeconfig)), home) as token:
    send_messages(gateway, token, lambda: [])
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_leaves_no_source_no_program_and_no_file(
    place: Place, replica: Replica, tmp_path: Path, number: signal.Signals
) -> None:
    files = tmp_path / "demo"
    files.mkdir()
    with subprocess.Popen(
        [sys.executable, "-uc", COMMAND, str(place.api.cluster.kubeconfig), place.home, replica.url],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "TMPDIR": str(files)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        process_group=0,
    ) as command:
        assert command.stdout is not None
        assert any(b"The disk of db-1 fills up" in line for line in command.stdout)
        assert len(programs_in(files)) == 2
        # A terminal sends Ctrl-C to the whole group.
        (os.killpg if number == signal.SIGINT else os.kill)(command.pid, number)
        assert command.wait(timeout=20) != 0

    assert programs_in(files) == []
    assert list(files.iterdir()) == []
    assert left(DemoCluster(place.api.cluster.kubeconfig), place.home) == []


def programs_in(folder: Path) -> list[int]:
    """Return the processes that work in a folder or below."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        # The process belongs to another user, or has ended.
        with contextlib.suppress(OSError):
            if (process / "cwd").readlink().is_relative_to(folder):
                found.append(int(process.name))
    return found


def left(cluster: DemoCluster, home: str) -> list[Object]:
    """Return the sources and the Secret of the demonstration that exist."""
    created = (*manifests(FOLDER, home), secret(home))
    return [stored for each in created if (stored := cluster.get(each)) is not None]


def secret(namespace: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"namespace": namespace, "name": SECRET}}


@pytest.mark.long
@pytest.mark.usefixtures("operator")
def test_demonstration_shows_an_alert_and_a_missing_heartbeat(place: Place, replica: Replica) -> None:
    cluster = DemoCluster(place.api.cluster.kubeconfig)
    with sources_of_the_demonstration(cluster, place.home) as token:
        assert len(left(cluster, place.home)) == 3
        arrived = send_messages(replica.url, token, lambda: messages(place))

    assert left(cluster, place.home) == []
    specs = {each["subject"]: each["spec"] for each in arrived}
    assert specs.keys() == {FIRING, RESOLVED, MISSED, BACK}
    assert [specs[subject]["event"] for subject in (FIRING, MISSED, RESOLVED, BACK)] == [
        "Trigger",
        "Trigger",
        "Resolve",
        "Resolve",
    ]
    assert specs[FIRING]["dedupKey"] == specs[RESOLVED]["dedupKey"] != specs[MISSED]["dedupKey"]
    assert specs[MISSED]["dedupKey"] == specs[BACK]["dedupKey"]
    assert (specs[FIRING]["priority"], specs[MISSED]["priority"]) == ("critical", "high")
    assert "The disk of db-1 is almost full\n97% are used." in specs[FIRING]["body"]
    assert {ref["name"] for spec in specs.values() for ref in spec["receiverRefs"]} == {"demo-webhook"}
