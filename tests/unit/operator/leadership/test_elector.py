"""The elector: shards are shared evenly, and handed over in seconds when a replica joins, dies or stops."""

from __future__ import annotations

from notification_contract.names import SHARDS_ANNOTATION
from tests.unit.operator.leadership.lease_fixture import NAME, SECONDS, Replicas, shares


async def test_single_shard_is_worked_on_by_the_holder_of_the_named_lease(replicas: Replicas) -> None:
    one, two = replicas.start_all("one", "two", shards=1)
    await replicas.rounds(3)
    assert shares(one, two) == [{0}, set()]
    assert list(replicas.stored) == [NAME]
    assert replicas.lease().holder == "one"


async def test_single_shard_round_costs_one_call_per_replica(
    replicas: Replicas,
) -> None:
    one, two = replicas.start_all("one", "two", shards=1)
    await replicas.rounds(2)
    assert await one.round() == [f"replace {NAME}"]
    assert await two.round() == ["list"]


async def test_lone_replica_works_on_every_shard_from_the_first_round(replicas: Replicas) -> None:
    (one,) = replicas.start_all("one")
    await replicas.rounds()
    assert one.works == {0, 1, 2, 3}
    assert {NAME, f"{NAME}-shard-1", f"{NAME}-shard-2", f"{NAME}-shard-3"} < set(replicas.stored)


async def test_leases_carry_labels_and_the_number_of_shards(
    replicas: Replicas,
) -> None:
    replicas.start("one")
    await replicas.rounds()
    for lease in replicas.leases():
        assert lease.body["metadata"]["labels"]["app.kubernetes.io/name"] == "notification-operator"
        assert lease.body["metadata"]["annotations"] == {SHARDS_ANNOTATION: "4"}
        assert lease.body["spec"]["leaseDurationSeconds"] == SECONDS


async def test_joining_replica_gets_its_share_within_two_rounds(replicas: Replicas) -> None:
    one = replicas.start("one")
    await replicas.rounds(2)
    two = replicas.start("two")
    await replicas.rounds(2)
    assert sorted(map(len, shares(one, two))) == [2, 2]
    assert one.works | two.works == {0, 1, 2, 3}


async def test_third_replica_moves_only_the_shards_that_it_gets(replicas: Replicas) -> None:
    one, two = replicas.start_all("one", "two", shards=6)
    await replicas.rounds(4)
    before = shares(one, two)
    three = replicas.start("three", shards=6)
    await replicas.rounds(4)
    assert [len(share) for share in shares(one, two, three)] == [2, 2, 2]
    assert all(now < then for now, then in zip(shares(one, two), before, strict=True))


async def test_leaving_shard_is_released_once_it_is_drained(
    replicas: Replicas,
) -> None:
    one = replicas.start("one")
    await replicas.rounds(2)
    one.busy = {0, 1, 2, 3}
    two = replicas.start("two")
    await replicas.rounds(3)
    leaving = one.owned - one.works
    assert (len(leaving), two.works) == (2, set())
    one.busy -= leaving
    await replicas.rounds(2)
    assert two.works == leaving
    assert one.works == one.owned == one.busy


async def test_killed_replica_is_replaced_within_one_and_a_half_lease_durations(
    replicas: Replicas,
) -> None:
    one, two = replicas.start_all("one", "two")
    await replicas.rounds(4)
    renewed_at = replicas.time
    await replicas.rounds()
    replicas.kill(one)
    while two.works != {0, 1, 2, 3}:
        assert replicas.time - renewed_at <= SECONDS * 1.5
        await replicas.rounds()
        assert len(two.works) == 2 or replicas.time - renewed_at > SECONDS, "acquired too early"


async def test_stopped_replica_leaves_its_shards_to_the_next_round(
    replicas: Replicas,
) -> None:
    one, two = replicas.start_all("one", "two")
    await replicas.rounds(4)
    await replicas.stop(one)
    await replicas.rounds()
    assert two.works == {0, 1, 2, 3}
    assert {lease.holder for lease in replicas.leases()} == {"two"}


async def test_stopping_replica_releases_shard_by_shard(replicas: Replicas) -> None:
    one, two = replicas.start_all("one", "two")
    await replicas.rounds(4)
    slow, *_ = one.works
    one.busy = {slow}
    one.elector.begin_shutdown()
    await replicas.rounds(2)
    assert (one.works, one.owned) == (set(), {slow})
    assert two.works == {0, 1, 2, 3} - {slow}
    one.busy = set()
    await replicas.rounds(2)
    assert two.works == {0, 1, 2, 3}


async def test_single_shard_is_kept_until_the_end_of_the_shutdown(replicas: Replicas) -> None:
    one, two = replicas.start_all("one", "two", shards=1)
    await replicas.rounds(2)
    one.elector.begin_shutdown()
    await replicas.rounds(2)
    assert shares(one, two) == [{0}, set()]
    await replicas.stop(one)
    await replicas.rounds()
    assert two.works == {0}
