"""Sending again what has failed, against a real API server: one notification, and many, also when it is interrupted."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import subprocess
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from notification_cli.kube.kubeconfig import Access, log_in
from notification_cli.kube.resources import collection
from notification_contract import crds, names
from tests.cli.cluster import COMMAND
from tests.cli.test_receivers import SLACK, status
from tests.harness.eventually import eventually, steadily

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.cli.cluster import Cluster

PLACE = (names.GROUP, names.VERSION)
MANY = 1000
KILLS = 5
CONCURRENCY = 32


def failed(
    *targets: str, phase: str = "Failed", reason: str = "MaxRetriesExhausted", **delivered: str
) -> dict[str, Any]:
    """Return the status of a finished notification whose targets have failed."""
    states = {**dict.fromkeys(targets, "Exhausted"), **delivered}
    return {
        "phase": phase,
        "reason": reason,
        "message": "m",
        "resolvedChannels": list(states),
        "targets": [{"name": name, "state": state, "attempts": 5} for name, state in states.items()],
    }


def replays(cluster: Cluster) -> list[dict[str, Any]]:
    return [obj for obj in cluster.all() if "replayOf" in obj["spec"]]


@pytest.mark.check("redrive-01")
def test_replay_is_a_new_notification_to_the_targets_that_missed_it(cluster: Cluster) -> None:
    cluster.create(
        "order",
        status=failed("slack/checkout", phase="PartiallySent", log="Delivered"),
        dedupKey="incident",
        priority="high",
    )
    original = cluster.read("order")
    result = cluster.notif("replay", "order", "--yes", "-n", cluster.namespace)
    assert (result.code, result.err) == (0, "")
    (replay,) = replays(cluster)
    assert result.out == (
        f"notificationrequest.kubernaut.ai/{replay['metadata']['name']} created: "
        "sends order again to slack/checkout\n"
    )
    assert replay["metadata"]["name"].startswith("order-r-")
    assert replay["metadata"]["labels"] == {names.REPLAY_LABEL: "order"}
    assert replay["spec"]["receiverRefs"] == [{"name": "checkout"}]
    assert "channels" not in replay["spec"]
    assert (replay["spec"]["dedupKey"], replay["spec"]["priority"]) == ("incident", "high")
    assert replay["spec"]["replayOf"] == {"name": "order", "uid": original["metadata"]["uid"], "depth": 1}
    assert cluster.read("order") == original
    everywhere = cluster.notif(
        "replay", "order", "--yes", "-n", cluster.namespace, "--all-targets", "-o", "json"
    )
    assert not json.loads(everywhere.out)["spec"].keys() & {"channels", "receiverRefs"}
    listed = cluster.notif("ls", "-n", cluster.namespace, "-l", f"{names.REPLAY_LABEL}=order", "-o", "name")
    assert len(listed.out.split()) == 2
    assert (
        "Replay of  order" in cluster.notif("show", replay["metadata"]["name"], "-n", cluster.namespace).out
    )


@pytest.mark.check("redrive-02")
@pytest.mark.parametrize(
    ("state", "spec", "why"),
    [
        ({"phase": "Sending"}, {}, "it is Sending and not final yet"),
        (failed(phase="Sent", log="Delivered"), {}, "send it again with --all-targets"),
        (failed("log"), {"replayOf": {"name": "a", "uid": "u", "depth": 5}}, "it is the 5th replay in a row"),
    ],
)
def test_replay_that_makes_no_sense_is_refused(
    cluster: Cluster, state: Mapping[str, Any], spec: dict[str, Any], why: str
) -> None:
    cluster.create("order", status=state, **spec)
    result = cluster.notif("replay", "order", "--yes", "-n", cluster.namespace)
    assert (result.code, result.out, result.err.count("\n")) == (1, "", 1)
    assert result.err.startswith("notif: order cannot be sent again: ")
    assert why in result.err


@pytest.mark.check("redrive-03")
def test_api_server_refuses_a_replay_that_is_too_deep_or_incomplete(cluster: Cluster) -> None:
    obj = {
        "apiVersion": "kubernaut.ai/v1alpha1",
        "kind": "NotificationRequest",
        "metadata": {"name": "a"},
        "spec": {"type": "simple", "priority": "low", "subject": "s", "body": "b"},
    }
    for replay_of, accepted in (
        ({"name": "a", "uid": "u", "depth": 1}, True),
        ({"name": "a", "uid": "u", "depth": 5}, True),
        ({"name": "a", "uid": "u", "depth": 6}, False),
        ({"name": "a", "uid": "u", "depth": 0}, False),
        ({"name": "a", "uid": "u"}, False),
        ({"name": "", "uid": "u", "depth": 1}, False),
    ):
        changed = {**obj, "spec": {**obj["spec"], "replayOf": replay_of}}  # type: ignore[dict-item]  # a mapping
        assert cluster.accepts(changed) is accepted, replay_of


@pytest.mark.check("redrive-04")
def test_crd_that_does_not_know_replays_is_named_and_nothing_is_created(cluster: Cluster) -> None:
    older = crds.notification_request()
    properties = older["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
    del properties["spec"]["properties"]["replayOf"]
    cluster.remove_crd()
    cluster.install_crd(older)
    try:
        cluster.create("order", status=failed("log"))
        for command in (("replay", "order", "--yes"), ("redrive", "--yes")):
            result = cluster.notif(*command, "-n", cluster.namespace)
            assert result.code == 3
            assert "is older and does not have the field spec.replayOf; upgrade the platform" in result.err
        assert len(cluster.all()) == 1
    finally:
        cluster.remove_crd()
        cluster.install_crd()


@pytest.mark.check("redrive-05")
def test_redrive_shows_first_what_it_would_send(cluster: Cluster) -> None:
    cluster.create("a", status=failed("slack/checkout"))
    cluster.create("b", status=failed("log"))
    cluster.create("c", status=failed(phase="Sent", log="Delivered"))
    shown = cluster.notif("redrive", "-n", cluster.namespace, "--limit", "1")
    assert shown.code == 0
    header, row = shown.out.splitlines()
    assert (header.split()[1], row.split()[1], "slack/checkout" in row) == ("NAME", "a", True)
    assert "2 match; 1 to send" in shown.err
    assert f"--limit is 1: left out are 1 of {cluster.namespace}; " in shown.err
    assert "nothing was sent; to send it, repeat the command with --batch" in shown.err
    assert replays(cluster) == []
    plan = json.loads(cluster.notif("redrive", "-n", cluster.namespace, "-o", "json", "--batch", "b").out)
    assert [each["name"] for each in plan["candidates"]] == ["a", "b"]
    sent = cluster.notif("redrive", "-n", cluster.namespace, "--batch", "b", "--yes", "--rate", "100")
    assert sent.code == 0
    assert sorted(obj["metadata"]["name"] for obj in replays(cluster)) == [
        each["replay"] for each in plan["candidates"]
    ]
    assert "batch b: 2 created" in sent.err
    again = cluster.notif("redrive", "-n", cluster.namespace, "--batch", "b", "--yes")
    assert (again.code, "2 match; 0 to send, 2 sent by this batch before" in again.err) == (0, True)
    other = cluster.notif("redrive", "-n", cluster.namespace, "--batch", "other", "--yes")
    assert (other.code, "2 left out: they were sent again before" in other.err) == (0, True)
    assert len(replays(cluster)) == 2


@pytest.mark.check("redrive-06")
def test_redrive_is_limited_to_a_receiver_and_what_it_missed(cluster: Cluster) -> None:
    cluster.create("a", status=failed("slack/checkout", "log"))
    cluster.create("b", status=failed("log", phase="PartiallySent", **{"slack/checkout": "Delivered"}))
    done = cluster.notif(
        "redrive",
        "-n",
        cluster.namespace,
        "--receiver",
        "checkout",
        "--yes",
        "--phase",
        "Failed",
        "--phase",
        "PartiallySent",
    )
    assert done.code == 0
    (replay,) = replays(cluster)
    assert replay["spec"]["replayOf"]["name"] == "a"
    assert replay["spec"]["receiverRefs"] == [{"name": "checkout"}]
    assert "channels" not in replay["spec"]
    rest = cluster.notif("redrive", "-n", cluster.namespace, "--yes", "--batch", "rest", "-o", "json")
    assert [each["name"] for each in json.loads(rest.out)["created"]] == ["a"]


@pytest.mark.check("redrive-07")
def test_redrive_does_not_send_its_own_replays_again(cluster: Cluster) -> None:
    cluster.create("a", status=failed("log"))
    cluster.notif("redrive", "-n", cluster.namespace, "--yes", "--batch", "b")
    (replay,) = replays(cluster)
    place = (*PLACE, cluster.namespace, names.PLURAL, replay["metadata"]["name"])
    cluster.objects.replace_namespaced_custom_object_status(*place, {**replay, "status": failed("log")})
    assert (
        "1 match; 0 to send" in cluster.notif("redrive", "-n", cluster.namespace, "--yes", "--batch", "b").err
    )
    result = cluster.notif("redrive", "-n", cluster.namespace, "--yes", "--batch", "c")
    assert "1 left out: they were sent again before" in result.err
    assert sorted(obj["spec"]["replayOf"]["depth"] for obj in replays(cluster)) == [1, 2]


@pytest.mark.check("redrive-08")
def test_name_that_another_notification_has_is_made_longer(cluster: Cluster) -> None:
    cluster.create("a", status=failed("log"))
    plan = json.loads(cluster.notif("redrive", "-n", cluster.namespace, "-o", "json", "--batch", "b").out)
    cluster.create(plan["candidates"][0]["replay"])
    result = cluster.notif("redrive", "-n", cluster.namespace, "--batch", "b", "--yes")
    assert (result.code, "batch b: 1 created" in result.err) == (0, True)
    (replay,) = replays(cluster)
    assert replay["metadata"]["name"].startswith(plan["candidates"][0]["replay"])


@pytest.mark.check("redrive-09")
def test_notification_that_vanishes_during_a_redrive_is_counted(cluster: Cluster) -> None:
    for name in ("a", "b", "c"):
        cluster.create(name, status=failed("log"))
    process = started(cluster, "--batch", "b", "--rate", "1")
    eventually(lambda: len(replays(cluster)), bool, within=30)
    cluster.delete("c")
    _, err = process.communicate(timeout=30)
    assert (process.returncode, "batch b: 2 created, 1 vanished" in err) == (0, True)


@pytest.mark.check("redrive-10")
def test_redrive_keeps_to_its_rate(cluster: Cluster) -> None:
    for number in range(6):
        cluster.create(f"n{number}", status=failed("log"))
    start = time.monotonic()
    assert cluster.notif("redrive", "-n", cluster.namespace, "--yes", "--rate", "2").code == 0
    assert time.monotonic() - start >= 2.5


@pytest.mark.check("redrive-11")
def test_interrupted_redrive_says_how_to_go_on(cluster: Cluster) -> None:
    for number in range(5):
        cluster.create(f"n{number}", status=failed("log"))
    process = started(cluster, "--batch", "b", "--rate", "1")
    eventually(lambda: len(replays(cluster)), bool, within=30)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "continue with --batch b" in err
    assert "Traceback" not in err


@pytest.mark.check("redrive-12")
def test_redrive_waits_until_the_receiver_is_healthy(cluster: Cluster) -> None:
    cluster.create_receiver("checkout", SLACK, status=status(healthy="False", reason="CircuitOpen"))
    cluster.create("a", status=failed("slack/checkout"))
    late = cluster.notif("redrive", "-n", cluster.namespace, "--yes", "--when-healthy", "--timeout", "1s")
    assert late.code == 4
    assert f"receiver {cluster.namespace}/checkout is not healthy: False (CircuitOpen)" in late.err
    process = started(cluster, "--when-healthy", "--timeout", "30s")
    steadily(lambda: replays(cluster), lambda created: created == [], during=2)
    cluster.report("checkout", status())
    process.communicate(timeout=30)
    assert (process.returncode, len(replays(cluster))) == (0, 1)


@pytest.mark.check("redrive-13")
@pytest.mark.parametrize(
    "options",
    [("--limit", "0"), ("--rate", "0"), ("--batch", "not a label"), ("--since", "soon"), ("--phase", "Sent")],
)
def test_wrong_option_of_a_redrive_is_wrong_usage(cluster: Cluster, options: tuple[str, str]) -> None:
    result = cluster.notif("redrive", "-n", cluster.namespace, *options)
    assert (result.code, result.out) == (2, "")


@pytest.mark.check("redrive-14")
def test_redrive_without_the_right_to_create_refuses_each_and_names_it(
    cluster: Cluster, tmp_path: Path
) -> None:
    cluster.create("a", status=failed("log"))
    cluster.create("b", status=failed("log"))
    reader = cluster.user(
        tmp_path, {"apiGroups": [names.GROUP], "resources": [names.PLURAL], "verbs": ["get", "list"]}
    )
    result = cluster.notif("redrive", "-n", cluster.namespace, "--yes", kubeconfig=reader)
    assert (result.code, "2 refused" in result.err) == (1, True)
    assert result.out.count("may not create notificationrequests") == 2


def started(cluster: Cluster, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, "redrive", "-n", cluster.namespace, "--yes", *options],
        env={**cluster.environment(), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.check("redrive-15")
@pytest.mark.timeout(600)
def test_redrive_that_is_killed_five_times_sends_each_once(cluster: Cluster) -> None:
    asyncio.run(fill(cluster))
    moments, counts = random.Random(), []  # noqa: S311 - moments are no secret
    for _ in range(KILLS):
        process = started(cluster, "--batch", "b", "--rate", "1000", "--limit", str(MANY))
        assert process.stdout is not None
        for _line in range(moments.randint(1, MANY // (KILLS + 1))):
            process.stdout.readline()
        # At any moment of a request, so that a replay exists which nobody has counted.
        time.sleep(moments.uniform(0, 0.02))
        process.kill()
        process.communicate()
        counts.append(len(replays(cluster)))
    last = started(cluster, "--batch", "b", "--rate", "1000", "--limit", str(MANY))
    _, err = last.communicate(timeout=300)
    assert last.returncode == 0, err
    assert 0 < counts[0] < counts[-1] < MANY
    sent = Counter(obj["spec"]["replayOf"]["uid"] for obj in replays(cluster))
    originals = {obj["metadata"]["uid"] for obj in cluster.all() if "replayOf" not in obj["spec"]}
    assert len(originals) == MANY
    assert sent == Counter(dict.fromkeys(originals, 1))


async def fill(cluster: Cluster, count: int = MANY) -> None:
    """Create many failed notifications, with the names `order-00000` and so on."""
    # Without the Kubernetes client, whose models cost more than the API server's work.
    login = await log_in(Access(kubeconfig=str(cluster.kubeconfig)))
    connector = aiohttp.TCPConnector(ssl=login.tls, limit=CONCURRENCY)
    base, numbers = f"{login.configuration.host}{collection(cluster.namespace)}", iter(range(count))
    async with aiohttp.ClientSession(connector=connector, raise_for_status=True) as session:
        await asyncio.gather(*(_create(session, base, numbers) for _ in range(CONCURRENCY)))


async def _create(session: aiohttp.ClientSession, base: str, numbers: Iterator[int]) -> None:
    for number in numbers:
        obj = {
            "apiVersion": "/".join(PLACE),
            "kind": names.KIND,
            "metadata": {"name": f"order-{number:05}"},
            "spec": {"type": "simple", "priority": "low", "subject": "s", "body": "b"},
        }
        async with session.post(base, json=obj) as response:
            created = await response.json()
        body = {**created, "status": failed("slack/checkout")}
        async with session.put(f"{base}/{created['metadata']['name']}/status", json=body):
            pass


@pytest.mark.check("redrive-17")
def test_redrive_leaves_out_resolved_incidents(cluster: Cluster) -> None:
    key = "checkout,region=eu\\1"
    cluster.create("trigger", status=failed("log"), dedupKey=key)
    cluster.create("other", status=failed("log"), dedupKey="other")
    cluster.create("resolve", dedupKey=key, event="Resolve")
    shown = cluster.notif("redrive", "-n", cluster.namespace, "-o", "name", "--batch", "b")
    assert (shown.code, "other-r-" in shown.out, len(shown.out.split())) == (0, True, 1)
    done = cluster.notif("redrive", "-n", cluster.namespace, "--batch", "b", "--yes")
    assert done.code == 0
    assert "1 resolved since, left out (--include-resolved)" in done.err
    assert [obj["spec"]["replayOf"]["name"] for obj in replays(cluster)] == ["other"]
    again = cluster.notif("redrive", "-n", cluster.namespace, "--batch", "b", "--yes", "--include-resolved")
    assert (again.code, "resolved since" in again.err) == (0, False)
    assert sorted(obj["spec"]["replayOf"]["name"] for obj in replays(cluster)) == ["other", "trigger"]


@pytest.mark.check("redrive-18")
def test_incident_that_is_resolved_meanwhile_is_not_opened_again(cluster: Cluster) -> None:
    cluster.create_receiver("checkout", SLACK, status=status(healthy="False", reason="CircuitOpen"))
    cluster.create("trigger", status=failed("slack/checkout"), dedupKey="checkout,region=eu")
    process = started(cluster, "--when-healthy", "--timeout", "30s")
    assert process.stderr is not None
    assert "1 match; 1 to send" in process.stderr.readline()
    cluster.create("resolve", dedupKey="checkout,region=eu", event="Resolve")
    cluster.report("checkout", status())
    _, err = process.communicate(timeout=30)
    assert (process.returncode, "1 overtaken" in err, replays(cluster)) == (0, True, [])


@pytest.mark.check("redrive-19")
def test_redrive_leaves_out_what_a_fallback_delivered(cluster: Cluster) -> None:
    rescue: dict[str, Any] = failed("slack/checkout", "log/spare")
    rescue |= {"phase": "Sent", "reason": "DeliveredByFallback"}
    rescue["targets"][0] |= {"state": "Refused", "reason": "DeliveredByFallback"}
    rescue["targets"][1] |= {"state": "Delivered"}
    cluster.create("rescued", status=rescue, receiverRefs=[{"name": "checkout"}])
    cluster.create("lost", status=failed("log"))
    done = cluster.notif("redrive", "-n", cluster.namespace, "--batch", "b", "--yes")
    assert done.code == 0
    assert [obj["spec"]["replayOf"]["name"] for obj in replays(cluster)] == ["lost"]
    again = cluster.notif("redrive", "-n", cluster.namespace, "--batch", "b", "--yes", "--include-rescued")
    assert again.code == 0
    assert sorted(obj["spec"]["replayOf"]["name"] for obj in replays(cluster)) == ["lost", "rescued"]
