"""Who works on what: shares that are even, handed over in seconds, and never two replicas' at once."""

from __future__ import annotations

import asyncio
import logging

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notification_operator.leases import SHARDS, Lease
from tests.unit.operator.lease_world import NAME, PERIOD, SECONDS, Replica, World


@pytest.fixture
def world() -> World:
    return World()


def shares(*replicas: Replica) -> list[set[int]]:
    return [replica.works for replica in replicas]


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


@pytest.mark.parametrize("shards", [1, 4])
async def test_one_that_is_cut_off_stops_working_well_before_another_may_take_over(
    world: World, shards: int
) -> None:
    one = world.replica("one", shards=shards)
    await world.rounds()
    two = world.replica("two", shards=shards)
    one.leases.cut = True
    renewed = world.time - PERIOD
    while one.works:
        assert world.time - renewed < SECONDS - PERIOD
        await world.rounds(of=[one, two])
    assert not two.works
    await world.rounds(4)
    assert two.works == set(range(shards))


async def test_one_that_is_heard_and_hears_nothing_stops_as_well_and_goes_on_when_it_hears_again(
    world: World,
) -> None:
    one = world.replica("one", shards=1)
    await world.rounds()
    one.leases.deaf = True
    await world.rounds(5)
    assert not one.works
    one.leases.deaf = False
    await world.rounds(2)
    assert one.works == {0}


async def test_a_lease_that_was_taken_though_the_answer_was_lost_is_kept_or_given_back(world: World) -> None:
    one = world.replica("one")
    one.leases.deaf = True
    await world.rounds()
    one.leases.deaf = False
    two = world.replica("two")
    await world.rounds(4, of=[two, one])
    assert sorted(map(len, shares(one, two))) == [2, 2]


async def test_a_lease_that_somebody_deletes_is_made_anew(world: World) -> None:
    one = world.replica("one", shards=1)
    await world.rounds(2)
    changes = one.changes
    del world.stored[NAME]
    await world.rounds()
    assert one.works == {0}
    assert world.holder() == "one"
    assert one.changes == changes


async def test_a_lease_that_somebody_has_taken_is_let_go(world: World) -> None:
    one = world.replica("one", shards=1)
    await world.rounds(2)
    body = world.stored[NAME].body
    meta = {**body["metadata"], "resourceVersion": "99"}
    spec = {**body["spec"], "holderIdentity": "a stranger"}
    world.stored[NAME] = Lease({**body, "metadata": meta, "spec": spec})
    await world.rounds()
    assert one.works == set()
    await world.rounds(7)
    assert one.works == {0}


async def test_the_lease_of_a_replica_that_died_is_removed_and_that_of_a_living_one_is_not(
    world: World,
) -> None:
    one, two, three = world.replicas_of("one", "two", "three")
    await world.rounds(4)
    world.kill(three)
    await world.rounds(22)
    members = [lease.holder for name, lease in world.stored.items() if "-member-" in name]
    assert sorted(members) == ["one", "two"]
    assert one.works | two.works == {0, 1, 2, 3}


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


async def test_a_lease_whose_hand_back_failed_is_handed_back_in_the_next_round(world: World) -> None:
    one = world.replica("one")
    await world.rounds(2)
    two = world.replica("two")

    def cut_off(_shard: int) -> bool:
        one.leases.cut = True
        return True

    one.elector._drained = cut_off
    await world.rounds(2)
    one.elector._drained, one.leases.cut = (lambda _shard: True), False
    assert (len(one.works), two.works) == (2, set())
    await world.rounds(2)
    assert sorted(map(len, shares(one, two))) == [2, 2]


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


async def test_a_failing_hand_back_is_told_and_delays_nobody_longer_than_a_crash(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    one, two = world.replicas_of("one", "two")
    await world.rounds(4)
    one.leases.cut = True
    with caplog.at_level(logging.WARNING):
        await world.stop(one)
    await world.rounds(8)
    assert two.works == {0, 1, 2, 3}


STEPS = st.sampled_from(
    ["round", "round", "round", "time", "join", "kill", "stop", "cut", "mend", "busy", "idle"]
)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(STEPS, st.integers(0, 5)), max_size=80),
    st.lists(st.sampled_from([1, 2, 4]), min_size=1, max_size=3),
)
async def test_whatever_comes_and_goes_no_shard_is_two_replicas_and_in_the_end_each_is_one_s(
    steps: list[tuple[str, int]], counts: list[int]
) -> None:
    world = World()
    for number, (step, which) in enumerate(steps):
        await act(world, step, which, f"replica {number}", counts[number % len(counts)])
        world.judge()
    if not world.replicas:
        world.replica("last")
    for replica in world.replicas:
        replica.leases.cut = False
        replica.busy = set()
    await world.rounds(20)
    working = [replica for replica in world.replicas if replica.works]
    count = working[0].elector.shards
    assert set().union(*shares(*working)) == set(range(count))
    sizes = [len(replica.works) for replica in world.replicas if replica.elector.shards == count]
    assert max(sizes) - min(sizes) <= 1


async def act(world: World, step: str, which: int, name: str, count: int) -> None:
    """Let one thing happen to one of the replicas."""
    if step == "join":
        world.replica(name, shards=count)
    elif step == "time":
        world.time += which
    elif world.replicas:
        replica = world.replicas[which % len(world.replicas)]
        match step:
            case "round":
                await replica.round()
                world.time += PERIOD / len(world.replicas)
            case "kill":
                world.kill(replica)
            case "stop":
                await world.stop(replica)
            case "cut" | "mend":
                replica.leases.cut = step == "cut"
            case "busy":
                replica.busy.add(which)
            case "idle":
                replica.busy.clear()
