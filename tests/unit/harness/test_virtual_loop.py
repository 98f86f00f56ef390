"""The virtual clock of the simulation."""

import asyncio

import pytest

from tests.simulation.virtual_loop import StuckError, VirtualLoop


@pytest.fixture
def loop() -> VirtualLoop:
    return VirtualLoop()


def test_shortest_sleep_takes_its_time_while_others_are_busy(loop: VirtualLoop) -> None:
    """Each of two tasks is busy while the other one sleeps for less than any clock can measure."""
    rounds: list[str] = []

    async def work(name: str, steps: int) -> None:
        for _ in range(steps):
            await asyncio.sleep(0)
        while loop.time() < 10.0 and len(rounds) < 100:
            rounds.append(name)
            for _ in range(5):
                await asyncio.sleep(0)
            await asyncio.sleep(10.0 - loop.time())

    async def main() -> None:
        await asyncio.sleep(9.999999999999998)
        await asyncio.gather(work("first", 0), work("second", 3))

    loop.run_until_complete(main())
    assert rounds == ["first", "second"]
    assert loop.time() == 10.0
    loop.close()


def test_loop_without_a_timer_is_stuck(loop: VirtualLoop) -> None:
    with pytest.raises(StuckError):
        loop.run_until_complete(loop.create_future())
    loop.close()
