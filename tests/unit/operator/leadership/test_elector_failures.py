"""Failures: disconnected replicas, lost answers, and Leases changed by others; no shard gets two owners."""

from __future__ import annotations

import logging

import pytest

from notification_runtime.kube.requests import KubeError
from tests.unit.operator.leadership.lease_fixture import NAME, PERIOD, SECONDS, Replicas, shares


@pytest.mark.parametrize("shards", [1, 4])
async def test_disconnected_replica_stops_before_another_may_take_over(
    replicas: Replicas, shards: int
) -> None:
    one = replicas.start("one", shards=shards)
    await replicas.rounds()
    two = replicas.start("two", shards=shards)
    one.leases.disconnected = True
    renewed_at = replicas.time - PERIOD
    while one.works:
        assert replicas.time - renewed_at < SECONDS - PERIOD
        await replicas.rounds(of=[one, two])
    assert not two.works
    await replicas.rounds(4)
    assert two.works == set(range(shards))


async def test_replica_without_answers_stops_and_resumes_with_the_next_answer(
    replicas: Replicas,
) -> None:
    one = replicas.start("one", shards=1)
    await replicas.rounds()
    one.leases.answers_lost = True
    await replicas.rounds(5)
    assert not one.works
    one.leases.answers_lost = False
    await replicas.rounds(2)
    assert one.works == {0}


async def test_lease_acquired_without_an_answer_is_kept_or_released(replicas: Replicas) -> None:
    one = replicas.start("one")
    one.leases.answers_lost = True
    await replicas.rounds()
    one.leases.answers_lost = False
    two = replicas.start("two")
    await replicas.rounds(4, of=[two, one])
    assert sorted(map(len, shares(one, two))) == [2, 2]


@pytest.mark.parametrize("shards", [1, 4])
async def test_replica_that_stops_while_it_renews_leaves_its_work_at_once(
    replicas: Replicas, shards: int
) -> None:
    one, two = replicas.start_all("one", "two", shards=shards)
    await replicas.rounds(4)
    one.leases.answers_lost = True
    await one.round()
    one.leases.answers_lost = False
    await replicas.stop(one)
    await replicas.rounds()
    assert two.works == set(range(shards))


async def test_gained_shard_is_reported_before_the_next_call_of_the_round(replicas: Replicas) -> None:
    one = replicas.start("one")

    async def lost() -> None:
        raise KubeError(status=None, reason="no answer")

    async def the_next_one() -> None:
        one.leases.after["list"] = lost

    one.leases.after["list"] = the_next_one
    await replicas.rounds()
    assert one.works == set()
    del replicas.stored[f"{NAME}-shard-3"]
    reported: list[set[int]] = []

    async def note() -> None:
        reported.append(one.reported)

    one.leases.after["create"] = note
    await replicas.rounds()
    assert reported == [{0, 1, 2}]
    assert one.reported == one.works == {0, 1, 2, 3}


async def test_deleted_lease_is_recreated(replicas: Replicas) -> None:
    one = replicas.start("one", shards=1)
    await replicas.rounds(2)
    changes = one.changes
    del replicas.stored[NAME]
    await replicas.rounds()
    assert one.works == {0}
    assert replicas.lease().holder == "one"
    assert one.changes == changes + 1, "another replica may have held it in between"


async def test_lease_taken_by_a_foreign_process_is_given_up(replicas: Replicas) -> None:
    one = replicas.start("one", shards=1)
    await replicas.rounds(2)
    one.leases.take_over(NAME, "a foreign process")
    await replicas.rounds()
    assert one.works == set()
    await replicas.rounds(7)
    assert one.works == {0}


async def test_stale_member_lease_is_deleted_and_a_live_one_is_not(
    replicas: Replicas,
) -> None:
    one, two, three = replicas.start_all("one", "two", "three")
    await replicas.rounds(4)
    replicas.kill(three)
    await replicas.rounds(22)
    members = [lease.holder for lease in replicas.leases() if "-member-" in lease.name]
    assert sorted(members) == ["one", "two"]
    assert one.works | two.works == {0, 1, 2, 3}


async def test_failed_release_is_repeated_in_the_next_round(replicas: Replicas) -> None:
    one = replicas.start("one")
    await replicas.rounds(2)
    two = replicas.start("two")

    def disconnect(_shard: int) -> bool:
        one.leases.disconnected = True
        return True

    for _ in range(2):
        await one.round(drained=disconnect)
        await two.round()
        replicas.check()
        replicas.time += PERIOD
    one.leases.disconnected = False
    assert (len(one.works), two.works) == (2, set())
    await replicas.rounds(2)
    assert sorted(map(len, shares(one, two))) == [2, 2]


async def test_failed_release_at_shutdown_delays_no_longer_than_a_crash(
    replicas: Replicas, caplog: pytest.LogCaptureFixture
) -> None:
    one, two = replicas.start_all("one", "two")
    await replicas.rounds(4)
    one.leases.disconnected = True
    with caplog.at_level(logging.WARNING):
        await replicas.stop(one)
    await replicas.rounds(8)
    assert two.works == {0, 1, 2, 3}


async def test_refusal_during_a_round_that_wins_the_lease_again_is_taken_back(replicas: Replicas) -> None:
    """What was refused is parked until a change of the shards is reported."""
    one = replicas.start("one", shards=1)
    await replicas.rounds(2)
    changes, answers = one.changes, []

    async def ask() -> None:
        answers.append(one.elector.works_on("uid"))

    del replicas.stored[NAME]
    one.leases.after["create"] = ask
    await replicas.rounds()
    assert (answers, one.works, one.changes) == ([False], {0}, changes + 1)
    await replicas.rounds()
    assert one.changes == changes + 1


@pytest.mark.parametrize("shards", [1, 4])
async def test_refusal_after_a_suspension_is_taken_back_by_a_renewal(replicas: Replicas, shards: int) -> None:
    one = replicas.start("one", shards=shards)
    await replicas.rounds(2)
    changes = one.changes
    replicas.time += 2 * SECONDS
    assert not one.elector.works_on("uid")
    await replicas.rounds(3)
    assert one.works == set(range(shards))
    assert one.changes > changes


async def test_refusal_of_a_standby_is_no_change(replicas: Replicas) -> None:
    one, two = replicas.start_all("one", "two", shards=1)
    await replicas.rounds(3)
    changes = two.changes
    assert (one.elector.works_on("uid"), two.elector.works_on("uid")) == (True, False)
    await replicas.rounds(3)
    assert two.changes == changes
