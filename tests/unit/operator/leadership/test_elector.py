"""Who works on what: shares that are even, and handed over in seconds when a replica joins, dies or stops."""

from __future__ import annotations

from notification_operator.leadership.lease import SHARDS
from tests.unit.operator.leadership.lease_fixture import NAME, SECONDS, World, shares


async def test_with_one_shard_one_replica_works_by_the_lease_of_the_name_that_is_set(world: World) -> None:
    one, two = world.replicas_of("one", "two", shards=1)
    await world.rounds(3)
    assert shares(one, two) == [{0}, set()]
    assert list(world.stored) == [NAME]
    assert world.holder() == "one"


async def test_with_one_shard_a_round_is_one_call_for_the_one_that_works_and_one_for_a_standby(
    world: World,
) -> None:
    one, two = world.replicas_of("one", "two", shards=1)
    await world.rounds(2)
    assert await one.round() == [f"replace {NAME}"]
    assert await two.round() == ["list"]


async def test_a_replica_that_is_alone_works_on_every_shard_from_its_first_round_on(world: World) -> None:
    (one,) = world.replicas_of("one")
    await world.rounds()
    assert one.works == {0, 1, 2, 3}
    assert {NAME, f"{NAME}-shard-1", f"{NAME}-shard-2", f"{NAME}-shard-3"} < set(world.stored)


async def test_the_leases_can_be_told_by_labels_and_say_among_how_many_the_work_is_shared(
    world: World,
) -> None:
    world.replica("one")
    await world.rounds()
    for lease in world.stored.values():
        assert lease.body["metadata"]["labels"]["app.kubernetes.io/name"] == "notification-operator"
        assert lease.body["metadata"]["annotations"] == {SHARDS: "4"}
        assert lease.body["spec"]["leaseDurationSeconds"] == SECONDS


async def test_a_replica_that_joins_gets_its_share_within_two_rounds(world: World) -> None:
    one = world.replica("one")
    await world.rounds(2)
    two = world.replica("two")
    await world.rounds(2)
    assert sorted(map(len, shares(one, two))) == [2, 2]
    assert one.works | two.works == {0, 1, 2, 3}


async def test_a_third_one_takes_from_the_larger_shares_and_nothing_else_moves(world: World) -> None:
    one, two = world.replicas_of("one", "two", shards=6)
    await world.rounds(4)
    before = shares(one, two)
    three = world.replica("three", shards=6)
    await world.rounds(4)
    assert [len(share) for share in shares(one, two, three)] == [2, 2, 2]
    assert all(now < then for now, then in zip(shares(one, two), before, strict=True))


async def test_a_shard_is_given_back_once_nothing_of_it_is_under_way_and_begins_nothing_till_then(
    world: World,
) -> None:
    one = world.replica("one")
    await world.rounds(2)
    one.busy = {0, 1, 2, 3}
    two = world.replica("two")
    await world.rounds(3)
    leaving = one.holds - one.works
    assert (len(leaving), two.works) == (2, set())
    one.busy -= leaving
    await world.rounds(2)
    assert two.works == leaving
    assert one.works == one.holds == one.busy


async def test_the_share_of_one_that_is_killed_is_another_s_within_fifteen_seconds_of_ten_second_leases(
    world: World,
) -> None:
    one, two = world.replicas_of("one", "two")
    await world.rounds(4)
    renewed = world.time
    await world.rounds()
    world.kill(one)
    while two.works != {0, 1, 2, 3}:
        assert world.time - renewed <= SECONDS * 1.5
        await world.rounds()
        assert len(two.works) == 2 or world.time - renewed > SECONDS, "taken before its time"


async def test_one_that_stops_in_good_order_leaves_its_share_to_the_next_round_and_no_lease_of_its_own(
    world: World,
) -> None:
    one, two = world.replicas_of("one", "two")
    await world.rounds(4)
    await world.stop(one)
    await world.rounds()
    assert two.works == {0, 1, 2, 3}
    assert {lease.holder for lease in world.stored.values()} == {"two"}


async def test_one_that_is_about_to_stop_gives_back_shard_by_shard(world: World) -> None:
    one, two = world.replicas_of("one", "two")
    await world.rounds(4)
    slow, *_ = one.works
    one.busy = {slow}
    one.elector.retire()
    await world.rounds(2)
    assert (one.works, one.holds) == (set(), {slow})
    assert two.works == {0, 1, 2, 3} - {slow}
    one.busy = set()
    await world.rounds(2)
    assert two.works == {0, 1, 2, 3}


async def test_a_single_shard_is_kept_till_the_end_of_the_stop(world: World) -> None:
    one, two = world.replicas_of("one", "two", shards=1)
    await world.rounds(2)
    one.elector.retire()
    await world.rounds(2)
    assert shares(one, two) == [{0}, set()]
    await world.stop(one)
    await world.rounds()
    assert two.works == {0}
