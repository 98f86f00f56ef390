"""Group resource: what the operator takes while it works, and gives back when it is done."""

from collections.abc import Iterator

import pytest

from tests.stack.suite import Suite
from tests.support.crowd import Crowd, crowd
from tests.support.eventually import eventually, steadily
from tests.support.footprint import (
    MEGABYTE,
    PREFIX,
    Footprint,
    footprint,
    remembered,
    settled,
    workers_within,
)

pytestmark = pytest.mark.alone


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
def test_a_hundred_notifications_take_little_memory_and_a_second_hundred_next_to_none(
    served: Suite, some: Crowd, before: Footprint
) -> None:
    some.create(100, priority="low")
    some.all_in("Sent", within=60)
    first = footprint(served)
    some.create(100, priority="low")
    some.all_in("Sent", within=60)
    second = footprint(served)

    assert first.memory - before.memory < 50 * MEGABYTE
    assert second.memory - first.memory < 5 * MEGABYTE


@pytest.mark.check("resource-02")
def test_fifty_notifications_leave_few_tasks_and_threads(
    served: Suite, some: Crowd, before: Footprint
) -> None:
    some.create(50)
    some.all_in("Sent", within=60)

    workers_within(served, before.workers + 20, within=30)


@pytest.mark.check("resource-03")
def test_slack_connections_are_used_again_and_closed_when_idle(served: Suite, some: Crowd) -> None:
    for _ in range(20):
        some.create(1, channels=["slack"], recipients=[{"slack": "#test"}])
        some.all_in("Sent", within=60)

    hits = served.slack.hits(some.run)
    used = {hit["connection"] for hit in hits}
    assert len(hits) == 20
    assert all(hit["body"] for hit in hits)
    assert len(used) <= 2
    eventually(
        lambda: [made for made in served.slack.connections() if made["closed"] is None],
        lambda still_open: not still_open,
        within=90,
        every=1,
    )


@pytest.mark.check("resource-04")
def test_fifty_created_side_by_side_are_each_printed_once(served: Suite, some: Crowd) -> None:
    some.create(50, threads=50)

    some.all_in("Sent", within=90)

    printed = some.printed(served)
    assert (len(printed), len(set(printed))) == (50, 50)


@pytest.mark.check("resource-05")
def test_nothing_is_kept_of_notifications_that_were_delivered_and_deleted(
    served: Suite, some: Crowd, before: Footprint
) -> None:
    some.create(30, priority="low")
    some.all_in("Sent", within=60)
    some.purge()

    workers_within(served, before.workers + 10, within=15, every=0.5)
    assert remembered(served) == {}
    eventually(
        lambda: footprint(served).descriptors, lambda count: count <= before.descriptors, within=15, every=0.5
    )


@pytest.mark.check("resource-06")
def test_an_idle_operator_does_nothing_and_is_small(served: Suite, before: Footprint) -> None:
    def passes() -> float:
        return served.metric(f"{PREFIX}reconciler_duration_seconds_count")

    def cpu() -> float:
        return served.metric("process_cpu_seconds_total")

    passes_before, cpu_before = passes(), cpu()
    idle = steadily(
        lambda: footprint(served),
        lambda seen: abs(seen.workers - before.workers) <= 2,
        during=10,
        every=2,
    )
    assert passes() == passes_before
    assert cpu() - cpu_before < 0.05 * 10
    assert idle.memory < 200 * MEGABYTE
    assert idle.workers < 100


@pytest.mark.check("resource-07")
def test_a_burst_of_fifty_leaves_neither_memory_nor_tasks(
    served: Suite, some: Crowd, before: Footprint
) -> None:
    some.create(50)
    some.all_in("Sent", within=60)
    some.purge()

    after = workers_within(served, before.workers + 10, within=15, every=0.5)
    assert after.memory - before.memory < 30 * MEGABYTE
