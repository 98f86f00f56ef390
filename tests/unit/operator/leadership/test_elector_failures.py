"""Leases in trouble: calls cut off, answers lost, and other hands on them; nobody works twice, and it heals."""

from __future__ import annotations

import logging

import pytest

from notification_operator.kube.errors import KubeError
from notification_operator.leadership.lease import Lease
from tests.unit.operator.leadership.lease_fixture import NAME, PERIOD, SECONDS, World, shares


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


async def test_what_is_gained_in_a_round_is_told_before_the_next_call_of_that_round(world: World) -> None:
    one = world.replica("one")

    async def lost() -> None:
        raise KubeError(status=None, reason="no answer")

    async def the_next_one() -> None:
        one.leases.after["list"] = lost

    one.leases.after["list"] = the_next_one
    await world.rounds()
    assert one.works == set()
    del world.stored[f"{NAME}-shard-3"]
    told: list[set[int]] = []

    async def look() -> None:
        told.append(one.told)

    one.leases.after["create"] = look
    await world.rounds()
    assert told == [{0, 1, 2}]
    assert one.told == one.works == {0, 1, 2, 3}


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
