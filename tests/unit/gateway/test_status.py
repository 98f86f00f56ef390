"""The status of a source: the entry of each replica, the summary, and how often it is written."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from notification_contract import names
from notification_contract.routing.reach import ONLY_LOGGED
from notification_contract.sources.status import ReadyReason, SourceStatus
from notification_gateway.sources import routing_file
from notification_gateway.sources.readiness import Readiness
from notification_gateway.sources.status import Counts, Report, fold
from tests.unit.gateway.cluster import HOME, SOURCES, Cluster
from tests.unit.gateway.shipped import Shipped, serving
from tests.unit.gateway.test_credentials import account_token
from tests.unit.operator.kube_api import until

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 11, 29, 8, tzinfo=UTC)
MISSING = Readiness(reason=ReadyReason.SECRET_NOT_FOUND, message="Secret hook does not exist")
KNOWN = "The gateway accepts messages; each of its replicas does within 10 seconds after a change"


def report(replica: str = "a", *, readiness: Readiness | None = None, **counts: Any) -> Report:
    return Report(replica=replica, generation=2, readiness=readiness or Readiness(), counts=Counts(**counts))


def written(*reports: Report, live: set[str] | None = None, after: timedelta = timedelta()) -> dict[str, Any]:
    """Return the status after some reports, each of which was written some time after the one before."""
    status: dict[str, Any] = {}
    for number, each in enumerate(reports):
        status = fold({"status": status}, each, live=live or {"a", "b"}, now=NOW + number * after)
    return status


def routed(status: dict[str, Any]) -> tuple[str, str]:
    found = [each for each in status.get("conditions", ()) if each["type"] == "Routed"]
    return (found[0]["status"], found[0]["reason"]) if found else ("", "")


def ready(status: dict[str, Any]) -> tuple[str, str, str]:
    (condition,) = status["conditions"]
    return condition["status"], condition["reason"], condition["message"]


def test_summary_adds_up_what_the_replicas_have_received() -> None:
    earlier, later = NOW - timedelta(minutes=2), NOW - timedelta(minutes=1)
    status = written(
        report("a", received=3, created=2, duplicates=1, last_received=later),
        report("b", received=4, created=1, rejected=2, filtered=1, last_received=earlier),
    )
    assert {name: status[name] for name in ("received", "created", "duplicates", "filtered", "rejected")} == {
        "received": 7,
        "created": 3,
        "duplicates": 1,
        "filtered": 1,
        "rejected": 2,
    }
    assert status["lastReceivedTime"] == "2026-11-29T07:59:00.000000Z"
    assert [entry["name"] for entry in status["replicas"]] == ["a", "b"]
    assert ready(status) == ("True", "Accepted", KNOWN)
    SourceStatus.model_validate(status)


def test_entry_of_a_replica_is_replaced_by_its_next_one() -> None:
    status = written(report(received=1, created=1), report(received=2, created=2))
    assert (len(status["replicas"]), status["received"]) == (1, 2)


def test_replica_that_is_gone_leaves_the_summary_after_two_minutes() -> None:
    reports = report("gone", received=5, last_received=NOW), report("a", received=1)
    assert len(written(*reports, live={"a"}, after=timedelta(seconds=119))["replicas"]) == 2
    status = written(*reports, live={"a"}, after=timedelta(seconds=121))
    assert [entry["name"] for entry in status["replicas"]] == ["a"]
    assert status["received"] == 1
    assert status["lastReceivedTime"] == "2026-11-29T08:00:00.000000Z", "a time stays true"


def test_problem_of_one_replica_makes_the_source_unready() -> None:
    status = written(report("a", readiness=MISSING), report("b"))
    assert ready(status) == ("False", "SecretNotFound", "a: Secret hook does not exist")
    status = written(report("a", readiness=MISSING), report("b"), report("a"))
    assert ready(status)[:2] == ("True", "Accepted")


def test_warning_leaves_the_source_ready() -> None:
    short = Readiness(reason=ReadyReason.RETENTION_SHORT, message="set repeatAfter")
    assert ready(written(report(readiness=short))) == ("True", "RetentionShort", "set repeatAfter")


def test_time_of_the_last_beat_stays() -> None:
    status = written(report(last_beat=NOW), report())
    assert status["lastBeatTime"] == "2026-11-29T08:00:00.000000Z"


def test_beat_that_came_before_the_stored_one_is_not_the_last() -> None:
    status = written(report("a", last_beat=NOW), report("b", last_beat=NOW - timedelta(seconds=3)))
    assert status["lastBeatTime"] == "2026-11-29T08:00:00.000000Z"


def test_beat_replaces_one_of_a_clock_that_is_ahead() -> None:
    status = written(report("a", last_beat=NOW + timedelta(minutes=1)), report("b", last_beat=NOW))
    assert status["lastBeatTime"] == "2026-11-29T08:00:00.000000Z"
    status = written(report("a", last_beat=NOW + timedelta(minutes=1)), report("b"))
    assert status["lastBeatTime"] == "2026-11-29T08:01:00.000000Z", "there is no other beat"


@pytest.mark.parametrize(
    "status",
    [
        None,
        [],
        {"replicas": 7},
        {"replicas": [7, {"name": 7}, {"name": "x", "received": "many"}]},
        {"conditions": ""},
    ],
)
def test_garbage_of_another_writer_is_replaced(status: Any) -> None:
    result = fold({"status": status}, report(received=1), live={"a"}, now=NOW)
    assert result["received"] == 1
    assert [entry["name"] for entry in result["replicas"]] == ["a"]


def test_number_of_entries_has_a_bound() -> None:
    entries = [{"name": f"r{number:03}", "updated": "2026-11-29T08:00:00Z"} for number in range(100)]
    result = fold({"status": {"replicas": entries}}, report(), live={"a"}, now=NOW)
    assert len(result["replicas"]) == 32
    assert "a" in {entry["name"] for entry in result["replicas"]}


def status_of(cluster: Cluster) -> dict[str, Any]:
    source = cluster.named(SOURCES, "alerts")
    assert source is not None
    status: dict[str, Any] = source.get("status", {})
    return status


def writes(cluster: Cluster) -> int:
    return sum(method == "PUT" and path.endswith("/status") for method, path, _ in cluster.requests)


async def test_many_messages_are_few_writes(cluster: Cluster) -> None:
    cluster.secret(token="s3cret-of-a-sender")
    cluster.source()
    async with serving(cluster, status_interval_seconds=0.5) as gateway:
        await until(lambda: status_of(cluster).get("conditions"), "first status")
        before, loop = writes(cluster), asyncio.get_running_loop()
        started = loop.time()
        for number in range(30):
            await gateway.send(json={"n": number})
        await until(lambda: status_of(cluster).get("received") == 30, "all counted")
        elapsed = loop.time() - started
        assert writes(cluster) - before <= elapsed / 0.5 + 1
        assert status_of(cluster)["created"] == 30
        assert (await gateway.send(data=b"{")).status == 400
        await until(lambda: status_of(cluster).get("rejected") == 1, "rejection")
    assert gateway.metric(f"{HOME}/alerts", "created") == 30.0


async def test_status_says_what_is_missing_and_that_it_is_there_again(
    gateway: Shipped, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("notification_gateway.sources.secret_values.LEAST_SECONDS", 0.0)
    cluster = gateway.cluster
    await until(lambda: ready(status_of(cluster))[1] == "Accepted" if status_of(cluster) else False)
    cluster.source(auth={"bearerSecretRef": {"name": "missing"}})
    await until(lambda: ready(status_of(cluster))[1] == "SecretNotFound")
    cluster.source(auth={})
    await until(lambda: ready(status_of(cluster))[1] == "NoAuthentication")
    cluster.source(auth={"bearerSecretRef": {"name": "hook", "key": "other"}})
    await until(lambda: ready(status_of(cluster))[1] == "KeyMissing")
    cluster.source(spec_is="unknown")
    await until(lambda: ready(status_of(cluster))[1] == "SpecInvalid")
    assert status_of(cluster)["observedGeneration"] == 5
    cluster.source()
    await until(lambda: ready(status_of(cluster))[:2] == ("True", "Accepted"))


async def test_status_says_what_a_wrong_credential_has_found_out(gateway: Shipped) -> None:
    cluster = gateway.cluster
    await until(lambda: ready(status_of(cluster))[1] == "Accepted" if status_of(cluster) else False)
    wrong = {"Authorization": "Bearer wrong"}
    cluster.remove("secrets", HOME, "hook")
    assert (await gateway.send(headers=wrong)).status == 401
    await until(lambda: ready(status_of(cluster))[1] == "SecretNotFound")
    cluster.secret(token="s3cret-of-a-sender")
    assert (await gateway.send(headers=wrong)).status == 401
    await until(lambda: ready(status_of(cluster))[1] == "Accepted")


async def test_conflict_of_two_replicas_loses_no_entry(cluster: Cluster) -> None:
    cluster.secret(token="s3cret-of-a-sender")
    cluster.source()
    async with serving(cluster) as first, serving(cluster, replica="gateway-1") as second:
        for number in range(5):
            await asyncio.gather(first.send(json={"n": number}), second.send(json={"m": number}))
        await until(lambda: status_of(cluster).get("received") == 10, "both entries")
    assert [entry["name"] for entry in status_of(cluster)["replicas"]] == ["gateway-0", "gateway-1"]


async def test_deleted_source_is_forgotten(gateway: Shipped) -> None:
    await gateway.send()
    gateway.cluster.remove(SOURCES, HOME, "alerts")
    await until(lambda: not gateway.app.sources.keys)
    assert (await gateway.send()).status == 401


async def test_every_replica_publishes_when_a_source_last_received_a_message(cluster: Cluster) -> None:
    """Also one that has received none itself, such as one that has just started."""

    def last(replica: Shipped) -> float | None:
        name = "kubernaut_notification_source_last_received_timestamp_seconds"
        return replica.app.metrics.registry.get_sample_value(name, {"source": f"{HOME}/alerts"})

    cluster.secret(token="s3cret-of-a-sender")
    cluster.source()
    async with serving(cluster) as first, serving(cluster, replica="gateway-1") as second:
        assert (last(first), last(second)) == (0.0, 0.0)
        await first.send()
        await until(lambda: last(second), "time of the first message")
        received = datetime.fromisoformat(status_of(cluster)["lastReceivedTime"]).timestamp()
        assert last(first) == last(second) == received
        cluster.remove(SOURCES, HOME, "alerts")
        await until(lambda: (last(first), last(second)) == (None, None), "series are gone")


RULES = "route: {receiver: a}\nreceivers: [{name: a, channels: [slack]}]"
BY_TEAM = "route: {receiver: a, routes: [{receiver: a, match: {team: web}}]}\nreceivers: [{name: a, channels: [log]}]"


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        (None, ("False", "ReachesNobody")),
        (RULES, ("True", "Routed")),
        (BY_TEAM, ("True", "Depends")),
        ("route: 5", ("Unknown", "RulesUnknown")),
    ],
)
async def test_source_says_whether_its_messages_reach_more_than_the_log(
    cluster: Cluster, tmp_path: Path, rules: str | None, expected: tuple[str, str]
) -> None:
    if rules is not None:
        (tmp_path / names.ROUTING_KEY).write_text(rules, "utf-8")
    cluster.secret(token="s3cret-of-a-sender")
    cluster.source()
    async with serving(cluster, routing_directory=str(tmp_path)):
        await until(lambda: routed(status_of(cluster)) == expected, "condition Routed")
    SourceStatus.model_validate(status_of(cluster))


async def test_change_of_the_rules_reaches_the_status_of_each_source(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routing_file, "REREAD_SECONDS", 0.01)
    cluster.secret(token="s3cret-of-a-sender")
    cluster.source()
    file = tmp_path / names.ROUTING_KEY
    async with serving(cluster, routing_directory=str(tmp_path)):
        await until(lambda: routed(status_of(cluster))[1] == "ReachesNobody", "no rules")
        file.write_text(RULES, "utf-8")
        await until(lambda: routed(status_of(cluster))[1] == "Routed", "rules")


@pytest.mark.parametrize(("rules", "warned"), [(BY_TEAM, [ONLY_LOGGED]), (RULES, None), ("route: 5", None)])
async def test_sender_is_warned_if_only_the_log_gets_the_message(
    cluster: Cluster, tmp_path: Path, rules: str, warned: list[str] | None
) -> None:
    (tmp_path / names.ROUTING_KEY).write_text(rules, "utf-8")
    cluster.secret(token="s3cret-of-a-sender")
    cluster.source()
    user, token = "system:serviceaccount:shop:ci", account_token()
    cluster.users[token, "notifications"] = user
    cluster.permissions.add((user, "create", HOME))
    caller = {"Authorization": f"Bearer {token}"}
    named = {"receiverRefs": [{"name": "a"}]}
    path = f"/v1/namespaces/{HOME}/notifications"
    async with serving(cluster, routing_directory=str(tmp_path)) as gateway:
        assert (await gateway.send()).counts.get("warnings") == warned
        created = await gateway.send(path, headers=caller, json={"subject": "s"})
        assert (created.status, created.counts.get("warnings")) == (201, warned)
        assert (await gateway.send(path, headers=caller, json=named)).counts.keys() == {"name", "uid", "href"}
