"""Group resource: what the operator takes while it works, and gives back when it is done."""

from collections.abc import Iterator

import pytest

from tests.harness.cluster import Object
from tests.harness.crowd import Crowd, crowd
from tests.harness.eventually import eventually, steadily
from tests.harness.footprint import MEGABYTE, NOISE, Footprint, footprint, remembered, settled, workers_within
from tests.stack.suite import Suite

KEEP_ALIVE = 15.0
"""Seconds that the operator's API client keeps an unused connection; it looks once in that time, so it may take two."""


@pytest.fixture
def some(served: Suite) -> Iterator[Crowd]:
    with crowd(served.cluster, served.namespace) as made:
        yield made


@pytest.fixture
def before(served: Suite) -> Footprint:
    """Look at the process once it is warm: it has delivered, and is idle again."""
    with crowd(served.cluster, served.namespace) as warming:
        warming.create(5, channels=["console", "slack"])
        warming.all_in("Sent", within=30)
    return settled(served)


@pytest.mark.check("resource-01")
@pytest.mark.alone
def test_a_hundred_notifications_take_little_memory_and_a_second_hundred_next_to_none(
    served: Suite, some: Crowd, before: Footprint
) -> None:
    some.create(100, priority="low")
    some.all_in("Sent", within=60)
    first = footprint(served).since(before)
    some.create(100, priority="low")
    some.all_in("Sent", within=60)
    second = footprint(served).since(before)

    assert first.memory - before.memory < 50 * MEGABYTE
    assert second.memory - first.memory < 5 * MEGABYTE


@pytest.mark.check("resource-02")
@pytest.mark.alone
def test_fifty_notifications_leave_few_tasks_and_threads(
    served: Suite, some: Crowd, before: Footprint
) -> None:
    some.create(50)
    some.all_in("Sent", within=60)

    workers_within(served, before, more=20, within=30)


@pytest.mark.check("resource-03")
def test_slack_connections_are_used_again_and_closed_when_idle(guarded: Suite) -> None:
    def still_open() -> list[Object]:
        return [made for made in guarded.slack.connections() if made["closed"] is None]

    eventually(still_open, lambda found: not found, within=90, every=1)
    with crowd(guarded.cluster, guarded.namespace) as some:
        for _ in range(20):
            some.create(1, channels=["slack"], recipients=[{"slack": "#test"}])
            some.all_in("Sent", within=60)

    hits = guarded.slack.hits(some.run)
    assert (len(hits), [hit for hit in hits if not hit["body"]]) == (20, [])
    assert len({hit["connection"] for hit in hits}) <= 2
    eventually(still_open, lambda found: not found, within=90, every=1)


@pytest.mark.check("resource-04")
@pytest.mark.alone
def test_fifty_created_side_by_side_are_each_printed_once(served: Suite, some: Crowd) -> None:
    some.create(50, threads=50)

    some.all_in("Sent", within=90)

    printed = some.printed(served)
    assert (len(printed), len(set(printed))) == (50, 50)


@pytest.mark.check("resource-05")
@pytest.mark.alone
def test_nothing_is_kept_of_notifications_that_were_delivered_and_deleted(
    served: Suite, some: Crowd, before: Footprint
) -> None:
    some.create(30, priority="low")
    some.all_in("Sent", within=60)
    # The end alone is enough: most notifications stay for days after it.
    eventually(lambda: remembered(served), lambda kept: not kept, within=5)
    some.purge()

    workers_within(served, before, more=10, within=15, every=0.5)
    assert remembered(served) == {}
    eventually(
        lambda: footprint(served).since(before).descriptors,
        lambda count: count <= before.descriptors,
        within=2 * KEEP_ALIVE + 5,
        every=0.5,
    )


@pytest.mark.check("resource-06")
@pytest.mark.alone
def test_an_idle_operator_does_nothing_and_is_small(served: Suite, before: Footprint) -> None:
    assert served.cluster.all(served.namespace) == []

    idle = steadily(
        lambda: footprint(served).since(before),
        lambda seen: seen.passes == before.passes and abs(seen.workers - before.workers) <= NOISE,
        during=10,
        every=2,
    )

    assert idle.cpu - before.cpu < 0.05 * 10
    assert idle.memory < 200 * MEGABYTE
    assert idle.workers < 100


@pytest.mark.check("resource-07")
@pytest.mark.alone
def test_a_burst_of_fifty_leaves_neither_memory_nor_tasks(
    served: Suite, some: Crowd, before: Footprint
) -> None:
    some.create(50)
    some.all_in("Sent", within=60)
    some.purge()

    after = workers_within(served, before, more=10, within=15, every=0.5)
    assert after.memory - before.memory < 30 * MEGABYTE
