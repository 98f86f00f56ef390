"""Replicas with different numbers of shards: the ones with one number work, and the others stand by."""

from __future__ import annotations

import asyncio
from itertools import permutations
from typing import TYPE_CHECKING

import pytest

from notification_contract.names import SHARDS_ANNOTATION
from tests.unit.operator.leadership.lease_fixture import NAME, PERIOD, Replica, Replicas, shares

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


def round_of(replica: Replica) -> Callable[[], Awaitable[None]]:
    async def compete() -> None:
        await replica.round()

    return compete


@pytest.mark.parametrize(("before", "after"), [(1, 4), (4, 1), (4, 2), (2, 4)])
async def test_rollout_with_another_shard_count_waits_for_the_last_old_replica(
    replicas: Replicas, before: int, after: int
) -> None:
    old = replicas.start_all("old 1", "old 2", shards=before)
    await replicas.rounds(3)
    new = []
    for number, leaving in enumerate(old):
        new.append(replicas.start(f"new {number}", shards=after))
        await replicas.rounds(3)
        assert not any(replica.works for replica in new)
        await replicas.stop(leaving)
        await replicas.rounds(3)
    assert set().union(*shares(*new)) == set(range(after))


@pytest.mark.parametrize(("first", "second"), [(1, 4), (4, 1), (2, 3)])
async def test_simultaneous_acquisitions_with_two_counts_never_both_work(
    replicas: Replicas, first: int, second: int
) -> None:
    one, two = replicas.start("one", shards=first), replicas.start("two", shards=second)
    one.leases.after["create"] = round_of(two)
    two.leases.after["create"] = two.elector.observe
    await replicas.rounds(1, of=[one])
    replicas.check()
    await replicas.rounds(3)
    assert bool(one.works) is not bool(two.works)


@pytest.mark.parametrize(("first", "second"), [(1, 4), (4, 1)])
async def test_replica_observes_another_count_before_it_works(
    replicas: Replicas, first: int, second: int
) -> None:
    one, two = replicas.start("one", shards=first), replicas.start("two", shards=second)
    one.leases.after["list"] = round_of(two)
    await replicas.rounds(1, of=[one])
    replicas.check()
    assert two.works == set(range(second))
    assert one.works == set()


@pytest.mark.parametrize(("first", "second"), [(1, 4), (2, 3)])
async def test_two_counts_in_lockstep_do_not_deadlock(replicas: Replicas, first: int, second: int) -> None:
    one, two = replicas.start("one", shards=first), replicas.start("two", shards=second)
    for _ in range(5):
        await asyncio.gather(one.round(), two.round())
        replicas.check()
        replicas.time += PERIOD
    assert shares(one, two) == [set(), set(range(second))]


@pytest.mark.parametrize("counts", list(permutations((1, 1, 3))) + list(permutations((1, 2, 4))))
async def test_three_replicas_in_lockstep_do_not_deadlock(
    replicas: Replicas, counts: tuple[int, ...]
) -> None:
    """Two with the smaller number must not take turns in standing in the way of the third."""
    running = [replicas.start(f"replica {number}", shards=count) for number, count in enumerate(counts)]
    for _ in range(8):
        await asyncio.gather(*(replica.round() for replica in running))
        replicas.check()
        replicas.time += PERIOD
    expected = [set(range(count)) if count == max(counts) else set() for count in counts]
    assert shares(*running) == expected


async def test_invalid_shard_count_is_treated_as_another_count(replicas: Replicas) -> None:
    one = replicas.start("one", shards=1)
    await replicas.rounds()
    meta = replicas.stored[NAME]["metadata"]
    meta["annotations"][SHARDS_ANNOTATION] = "many"
    replicas.kill(one)
    two = replicas.start("two", shards=1)
    await replicas.rounds(5)
    assert not two.works
    await replicas.rounds(3)
    assert two.works == {0}
