"""Replicas that are set to different counts of shards: those of one count work, and the others stand by."""

from __future__ import annotations

import asyncio

import pytest

from notification_operator.leadership.lease import SHARDS
from tests.unit.operator.leadership.lease_fixture import NAME, PERIOD, World, shares


@pytest.mark.parametrize(("before", "after"), [(1, 4), (4, 1), (4, 2), (2, 4)])
async def test_in_a_roll_out_of_another_count_the_new_ones_stand_by_until_the_last_old_one_has_stopped(
    world: World, before: int, after: int
) -> None:
    old = world.replicas_of("old 1", "old 2", shards=before)
    await world.rounds(3)
    new = []
    for number, leaving in enumerate(old):
        new.append(world.replica(f"new {number}", shards=after))
        await world.rounds(3)
        assert not any(replica.works for replica in new)
        await world.stop(leaving)
        await world.rounds(3)
    assert set().union(*shares(*new)) == set(range(after))


@pytest.mark.parametrize(("first", "second"), [(1, 4), (4, 1), (2, 3)])
async def test_two_that_take_at_the_same_moment_by_different_counts_never_both_work(
    world: World, first: int, second: int
) -> None:
    one, two = world.replica("one", shards=first), world.replica("two", shards=second)
    one.leases.after["create"] = two.elector._round
    two.leases.after["create"] = two.elector._look
    await world.rounds(1, of=[one])
    world.judge()
    await world.rounds(3)
    assert bool(one.works) is not bool(two.works)


@pytest.mark.parametrize(("first", "second"), [(1, 4), (4, 1)])
async def test_one_that_looked_before_another_count_took_a_lease_sees_it_before_it_works(
    world: World, first: int, second: int
) -> None:
    one, two = world.replica("one", shards=first), world.replica("two", shards=second)
    one.leases.after["list"] = two.elector._round
    await world.rounds(1, of=[one])
    world.judge()
    assert two.works == set(range(second))
    assert one.works == set()


@pytest.mark.parametrize(("first", "second"), [(1, 4), (2, 3)])
async def test_two_counts_that_do_everything_in_step_do_not_wait_for_each_other_for_ever(
    world: World, first: int, second: int
) -> None:
    one, two = world.replica("one", shards=first), world.replica("two", shards=second)
    for _ in range(5):
        await asyncio.gather(one.round(), two.round())
        world.judge()
        world.time += PERIOD
    assert shares(one, two) == [set(), set(range(second))]


async def test_a_count_that_cannot_be_read_is_another_count(world: World) -> None:
    one = world.replica("one", shards=1)
    await world.rounds()
    meta = world.stored[NAME].body["metadata"]
    meta["annotations"][SHARDS] = "many"
    world.kill(one)
    two = world.replica("two", shards=1)
    await world.rounds(5)
    assert not two.works
    await world.rounds(3)
    assert two.works == {0}
