"""`make demo` with a gateway: its Prometheus, Alertmanager and sources with a real gateway and operator, without a cluster."""

from __future__ import annotations

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
    from pathlib import Path

    from tests.api_server.conftest import ApiServer
    from tests.api_server.gateway.place import Place, Replica

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


def secret(namespace: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"namespace": namespace, "name": SECRET}}


@pytest.mark.usefixtures("operator")
def test_demonstration_shows_an_alert_and_a_missing_heartbeat(place: Place, replica: Replica) -> None:
    cluster = DemoCluster(place.api.cluster.kubeconfig)
    with sources_of_the_demonstration(cluster, place.home) as token:
        assert cluster.get(secret(place.home)) is not None
        arrived = send_messages(replica.url, token, lambda: messages(place))

    left = (cluster.get(each) for each in (*manifests(FOLDER, place.home), secret(place.home)))
    assert [each for each in left if each is not None] == []
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
