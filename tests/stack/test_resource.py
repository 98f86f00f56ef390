"""Group resource: what the operator uses under load, and releases afterwards."""

from collections.abc import Iterator

import pytest

from tests.harness.cluster import Object
from tests.harness.crowd import Crowd, crowd
from tests.harness.eventually import eventually, steadily
from tests.harness.footprint import MEGABYTE, NOISE, Footprint, footprint, remembered, settled, workers_within
from tests.harness.operator_under_test import OperatorUnderTest

KEEP_ALIVE = 15.0
"""Seconds that the operator's API client keeps an idle connection; it checks once per interval, so it may take two."""


@pytest.fixture
def batch(shipped_operator: OperatorUnderTest) -> Iterator[Crowd]:
    with crowd(shipped_operator.cluster, shipped_operator.namespace) as created:
        yield created


@pytest.fixture
def before(shipped_operator: OperatorUnderTest) -> Footprint:
    """Take a reading of the warm process: it has delivered, and is idle again."""
    with crowd(shipped_operator.cluster, shipped_operator.namespace) as warming:
        warming.create(5, channels=["console", "slack"])
        warming.all_in("Sent", within=30)
    return settled(shipped_operator)


@pytest.mark.check("resource-01")
@pytest.mark.alone
def test_second_hundred_notifications_adds_almost_no_memory(
    shipped_operator: OperatorUnderTest, batch: Crowd, before: Footprint
) -> None:
    batch.create(100, priority="low")
    batch.all_in("Sent", within=60)
    first = footprint(shipped_operator).since(before)
    batch.create(100, priority="low")
    batch.all_in("Sent", within=60)
    second = footprint(shipped_operator).since(before)

    assert first.memory - before.memory < 50 * MEGABYTE
    assert second.memory - first.memory < 5 * MEGABYTE


@pytest.mark.check("resource-02")
@pytest.mark.alone
def test_fifty_notifications_leave_few_tasks_and_threads(
    shipped_operator: OperatorUnderTest, batch: Crowd, before: Footprint
) -> None:
    batch.create(50)
    batch.all_in("Sent", within=60)

    workers_within(shipped_operator, before, more=20, within=30)


@pytest.mark.check("resource-03")
def test_slack_connections_are_reused_and_closed_when_idle(breaker_operator: OperatorUnderTest) -> None:
    def still_open() -> list[Object]:
        return [
            connection for connection in breaker_operator.slack.connections() if connection["closed"] is None
        ]

    eventually(still_open, lambda result: not result, within=90, every=1)
    with crowd(breaker_operator.cluster, breaker_operator.namespace) as batch:
        for _ in range(20):
            batch.create(1, channels=["slack"], recipients=[{"slack": "#test"}])
            batch.all_in("Sent", within=60)

    hits = breaker_operator.slack.hits(batch.run)
    assert (len(hits), [hit for hit in hits if not hit["body"]]) == (20, [])
    assert len({hit["connection"] for hit in hits}) <= 2
    eventually(still_open, lambda result: not result, within=90, every=1)


@pytest.mark.check("resource-04")
@pytest.mark.alone
def test_fifty_concurrent_notifications_are_printed_once_each(
    shipped_operator: OperatorUnderTest, batch: Crowd
) -> None:
    batch.create(50, threads=50)

    batch.all_in("Sent", within=90)

    printed = batch.printed(shipped_operator)
    assert (len(printed), len(set(printed))) == (50, 50)


@pytest.mark.check("resource-05")
@pytest.mark.alone
def test_delivered_and_deleted_notifications_leave_no_memory(
    shipped_operator: OperatorUnderTest, batch: Crowd, before: Footprint
) -> None:
    batch.create(30, priority="low")
    batch.all_in("Sent", within=60)
    # Only the final phase matters: most notifications remain for days after it.
    eventually(lambda: remembered(shipped_operator), lambda kept: not kept, within=5)
    batch.purge()

    workers_within(shipped_operator, before, more=10, within=15, every=0.5)
    assert remembered(shipped_operator) == {}
    eventually(
        lambda: footprint(shipped_operator).since(before).descriptors,
        lambda count: count <= before.descriptors,
        within=2 * KEEP_ALIVE + 5,
        every=0.5,
    )


@pytest.mark.check("resource-06")
@pytest.mark.alone
def test_idle_operator_uses_no_cpu_and_little_memory(
    shipped_operator: OperatorUnderTest, before: Footprint
) -> None:
    assert shipped_operator.cluster.all(shipped_operator.namespace) == []

    idle = steadily(
        lambda: footprint(shipped_operator).since(before),
        lambda seen: (
            seen.reconciliations == before.reconciliations and abs(seen.workers - before.workers) <= NOISE
        ),
        during=10,
        every=2,
    )

    assert idle.cpu - before.cpu < 0.05 * 10
    assert idle.memory < 200 * MEGABYTE
    assert idle.workers < 100


@pytest.mark.check("resource-07")
@pytest.mark.alone
def test_burst_of_fifty_leaves_neither_memory_nor_tasks(
    shipped_operator: OperatorUnderTest, batch: Crowd, before: Footprint
) -> None:
    batch.create(50)
    batch.all_in("Sent", within=60)
    batch.purge()

    after = workers_within(shipped_operator, before, more=10, within=15, every=0.5)
    assert after.memory - before.memory < 30 * MEGABYTE
