"""Watches and slow API servers: a blind replica leaves its work to others, and slow renewals keep a Lease."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from notification_runtime.leadership.elector import Elector
from notification_runtime.leadership.lease import LeaseConfig
from tests.simulation.virtual_loop import run_virtually
from tests.unit.operator.leadership.lease_fixture import NAME, PERIOD, SECONDS, Leases, Replicas, shares

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@pytest.mark.parametrize("shards", [1, 4])
async def test_holder_with_a_closed_watch_hands_over_to_a_replica_that_watches(
    replicas: Replicas, shards: int
) -> None:
    one, two = replicas.start_all("one", "two", shards=shards)
    await replicas.rounds(4)
    blind, other = (one, two) if one.works else (two, one)
    blind.closed_seconds = SECONDS
    await replicas.rounds(2)
    assert blind.works, "a watch may be closed for as long as a Lease"
    blind.closed_seconds = SECONDS + 0.1
    await replicas.rounds(3)
    assert shares(blind, other) == [set(), set(range(shards))]
    blind.closed_seconds = 0.0
    await replicas.rounds(4)
    assert blind.works | other.works == set(range(shards))


@pytest.mark.parametrize("shards", [1, 4])
async def test_blind_holder_releases_a_shard_only_after_it_is_drained(
    replicas: Replicas, shards: int
) -> None:
    one, two = replicas.start_all("one", "two", shards=shards)
    await replicas.rounds(4)
    blind, other = (one, two) if one.works else (two, one)
    mine = blind.works
    blind.closed_seconds, blind.busy = SECONDS + 0.1, set(mine)
    await replicas.rounds(6)
    assert (blind.works, blind.owned) == (set(), mine)
    assert not mine & other.works
    blind.busy = set()
    await replicas.rounds(2)
    assert other.works == set(range(shards))


@pytest.mark.parametrize("shards", [1, 4])
async def test_blind_replica_acquires_nothing_even_if_it_is_alone(replicas: Replicas, shards: int) -> None:
    one = replicas.start("one", shards=shards)
    one.closed_seconds = SECONDS + 0.1
    await replicas.rounds(8)
    assert one.works == one.owned == set()
    one.closed_seconds = 0.0
    await replicas.rounds(2)
    assert one.works == set(range(shards))


async def test_live_holder_regains_its_lease_after_an_outage_for_everybody(replicas: Replicas) -> None:
    one, two = replicas.start_all("one", "two", shards=1)
    await replicas.rounds(4)
    holder, standby = (one, two) if one.works else (two, one)
    one.leases.disconnected = two.leases.disconnected = True
    await replicas.rounds(300)
    assert not one.works | two.works
    one.leases.disconnected = two.leases.disconnected = False
    await replicas.rounds(2, of=[standby, holder])
    assert shares(holder, standby) == [{0}, set()]


async def test_dead_holder_is_replaced_one_lease_after_an_outage_for_everybody(replicas: Replicas) -> None:
    one, two = replicas.start_all("one", "two", shards=1)
    await replicas.rounds(4)
    holder, standby = (one, two) if one.works else (two, one)
    standby.leases.disconnected = True
    replicas.kill(holder)
    await replicas.rounds(300)
    standby.leases.disconnected = False
    await replicas.rounds(SECONDS // int(PERIOD) + 2)
    assert standby.works == {0}


MANY_CALLS = 10


class SlowLeases(Leases):
    """Leases on an API server that takes its time for each call.

    Args:
        seconds: the time of each call.
        later: the same, after many calls.
        hangs: the number of a call that never ends.
    """

    def __init__(self, seconds: float, *, later: float | None = None, hangs: int = 0) -> None:
        super().__init__({})
        self._seconds = seconds
        self._later = seconds if later is None else later
        self._hangs = hangs
        self._started = 0

    async def create(self, lease: Mapping[str, Any]) -> dict[str, Any]:
        await self._wait()
        return await super().create(lease)

    async def replace(self, lease: Mapping[str, Any]) -> dict[str, Any]:
        await self._wait()
        return await super().replace(lease)

    async def list(self) -> Sequence[dict[str, Any]]:
        await self._wait()
        return await super().list()

    async def _wait(self) -> None:
        self._started += 1
        seconds = self._seconds if self._started <= MANY_CALLS else self._later
        await asyncio.sleep(3600 if self._started == self._hangs else seconds)


def working_seconds(leases: SlowLeases, seconds: float) -> tuple[float, float]:
    """Let one replica compete on a virtual clock; return when it began to work, and for how long it did not."""

    async def compete() -> tuple[float, float]:
        loop = asyncio.get_running_loop()
        elector = Elector(
            leases,
            name=NAME,
            config=LeaseConfig(identity="one", seconds=SECONDS, shards=1),
            clock=loop.time,
            now=lambda: datetime.now(UTC),
        )
        running = loop.create_task(
            elector.run(closed_seconds=float, drained=lambda _shard: True, on_change=lambda: None)
        )
        began, idle = float("inf"), 0.0
        while loop.time() < seconds:
            await asyncio.sleep(0.25)
            if elector.statistics().working:
                began = min(began, loop.time())
            elif began < loop.time():
                idle += 0.25
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return began, idle

    return run_virtually(compete())


@pytest.mark.parametrize("seconds", [0.1, 1.9, 2.5])
def test_slow_api_server_delays_leadership_by_the_calls_that_it_takes(seconds: float) -> None:
    began, idle = working_seconds(SlowLeases(seconds), 600)
    assert began < 3 * seconds + 0.5
    assert idle == 0


def test_api_server_that_becomes_slow_costs_no_leadership() -> None:
    _, idle = working_seconds(SlowLeases(0.1, later=0.95 * SECONDS / 3), 600)
    assert idle == 0


def test_one_hanging_call_costs_no_leadership() -> None:
    _, idle = working_seconds(SlowLeases(0.1, hangs=20), 600)
    assert idle == 0
