"""The drill against a real API server, with statuses as the operator writes them."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from notification_contract import names
from tests.cli.test_receivers import SLACK, status

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cli.cluster import Cluster

PAGER = {"type": "pagerduty", "pagerduty": {"routingKeySecretRef": {"name": "key"}}}


@contextlib.contextmanager
def operator(cluster: Cluster, **states: str) -> Iterator[None]:
    """Finish each drill, with the state of its receiver's target; others stay open."""
    ended = threading.Event()

    def work() -> None:
        while not ended.wait(0.05):
            for obj in cluster.all():
                (ref,) = obj["spec"]["receiverRefs"]
                if obj["status"]["phase"] == "Pending" and ref["name"] in states:
                    finish(cluster, obj, states[ref["name"]])

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def finish(cluster: Cluster, obj: dict[str, Any], state: str) -> None:
    (ref,) = obj["spec"]["receiverRefs"]
    good = state == "Delivered"
    target = {"name": f"any/{ref['name']}", "state": state, "attempts": 1}
    done = {
        "phase": "Sent" if good else "Failed",
        "message": "m",
        "targets": [target if good else {**target, "lastError": "401 from the service"}],
    }
    place = (names.GROUP, names.VERSION, cluster.namespace, names.PLURAL, obj["metadata"]["name"])
    cluster.objects.replace_namespaced_custom_object_status(*place, {**obj, "status": done})


@pytest.mark.check("drill-01")
def test_drill_reaches_every_receiver_and_prints_its_time(cluster: Cluster) -> None:
    cluster.create_receiver("chat", SLACK, status=status())
    cluster.create_receiver("pager", PAGER, status=status())
    cluster.create_receiver("silent", {**SLACK, "suspend": True})
    with operator(cluster, chat="Delivered", pager="Delivered"):
        result = cluster.notif("drill", "--yes", "-n", cluster.namespace)
    assert result.code == 0
    rows = {line.split()[0].partition("/")[2]: line for line in result.out.splitlines()[1:]}
    assert ("Delivered" in rows["chat"], "Delivered" in rows["pager"]) == (True, True)
    assert "it is suspended" in rows["silent"]
    assert result.err == "notif: 2 of 2 receivers got their message\n"
    sent = cluster.all()
    assert all(names.DRILL_LABEL in obj["metadata"]["labels"] for obj in sent)
    assert all(obj["spec"]["subject"].startswith("[DRILL] ") for obj in sent)
    # The incident that the pager has opened is resolved again.
    assert [obj["spec"]["event"] for obj in sent if obj["spec"]["receiverRefs"][0]["name"] == "pager"] == [
        "Trigger",
        "Resolve",
    ]
    assert len(sent) == 3


@pytest.mark.check("drill-02")
def test_drill_that_does_not_arrive_is_a_negative_answer(cluster: Cluster) -> None:
    cluster.create_receiver("chat", SLACK)
    cluster.create_receiver("broken", SLACK)
    with operator(cluster, chat="Delivered", broken="Refused"):
        result = cluster.notif("drill", "--yes", "-n", cluster.namespace, "-o", "json")
    assert result.code == 1
    by_name = {each["receiver"].partition("/")[2]: each for each in json.loads(result.out)["receivers"]}
    assert (by_name["broken"]["result"], by_name["broken"]["detail"]) == ("Failed", "401 from the service")
    assert by_name["chat"]["result"] == "Delivered"
    assert 0 < by_name["chat"]["seconds"] < 30


@pytest.mark.check("drill-03")
def test_drill_that_nobody_delivers_ends_in_time_with_its_exit_code(cluster: Cluster) -> None:
    cluster.create_receiver("chat", SLACK)
    cluster.create_receiver("slow", SLACK)
    start = time.monotonic()
    with operator(cluster, chat="Delivered"):
        result = cluster.notif(
            "drill", "--yes", "-n", cluster.namespace, "--receiver", "slow", "--timeout", "2s"
        )
    assert (result.code, "Late" in result.out) == (4, True)
    assert time.monotonic() - start < 20
    (only,) = cluster.all()
    assert only["spec"]["receiverRefs"] == [{"name": "slow"}]


@pytest.mark.check("drill-06")
def test_drill_of_several_namespaces_reaches_the_receivers_of_each(cluster: Cluster) -> None:
    first = cluster.namespace
    cluster.create_receiver("chat", {**SLACK, "suspend": True})
    cluster.new_namespace()
    cluster.create_receiver("mail", {**SLACK, "suspend": True})
    cluster.new_namespace()
    cluster.create_receiver("other", {**SLACK, "suspend": True})
    both = f"{first},{first}"
    second = cluster.namespace
    result = cluster.notif("drill", "--yes", "-n", f"{both},{second}", "-o", "json")
    names_seen = [each["receiver"] for each in json.loads(result.out)["receivers"]]
    assert (result.code, names_seen) == (0, [f"{first}/chat", f"{second}/other"])
    result = cluster.notif("drill", "--yes", "-n", f"{first},{second}", "--receiver", "chat")
    assert (result.code, result.err.endswith("are several namespaces; write NAMESPACE/chat\n")) == (2, True)


@pytest.mark.check("drill-04")
@pytest.mark.parametrize(
    ("arguments", "code"), [(("--receiver", "absent"), 1), ((), 1), (("--receiver", "a/b/c"), 2)]
)
def test_drill_without_a_receiver_is_one_line(
    cluster: Cluster, arguments: tuple[str, ...], code: int
) -> None:
    result = cluster.notif("drill", "--yes", "-n", cluster.namespace, *arguments)
    assert (result.code, result.out, result.err.count("\n")) == (code, "", 1)


@pytest.mark.check("drill-05")
def test_missing_right_fails_a_receiver_and_no_other(cluster: Cluster, tmp_path: Path) -> None:
    cluster.create_receiver("chat", SLACK)
    reader = cluster.user(
        tmp_path, {"apiGroups": [names.GROUP], "resources": [names.RECEIVER_PLURAL], "verbs": ["list"]}
    )
    result = cluster.notif("drill", "--yes", "-n", cluster.namespace, kubeconfig=reader)
    assert (result.code, "may not create notificationrequests" in result.out) == (1, True)
