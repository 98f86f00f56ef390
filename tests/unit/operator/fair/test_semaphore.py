"""The fair semaphore: which namespace gets a slot, when, and that no slot is lost."""

import asyncio
from collections.abc import Iterable
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notification_runtime.fair.fair_queue import FairSemaphore


class Waiters:
    """Waiters by name, and the ones that got a slot, in this order."""

    def __init__(self, semaphore: FairSemaphore) -> None:
        self.semaphore = semaphore
        self.served: list[str] = []

    def wait(self, *names: str, accepts: bool = True, rank: int = 0) -> None:
        """Wait under each name; the part before the dash is the namespace."""
        for name in names:
            accept = partial(self._accept, name, accepts=accepts)
            self.semaphore.call_when_free(name.partition("-")[0], accept, rank)

    def _accept(self, name: str, *, accepts: bool) -> bool:
        if accepts:
            self.served.append(name)
        return accepts

    def release(self, times: int, namespace: str = "") -> list[str]:
        for _ in range(times):
            self.semaphore.release(namespace)
        return self.served


def test_free_slots_are_granted_at_once() -> None:
    waiters = Waiters(FairSemaphore(2))
    waiters.wait("a-1", "a-2", "a-3")
    assert waiters.served == ["a-1", "a-2"]
    assert waiters.release(1) == ["a-1", "a-2", "a-3"]


def test_single_waiter_waits_for_one_slot_of_each_other_namespace() -> None:
    waiters = Waiters(FairSemaphore(1))
    waiters.wait("busy-1", "busy-2", "busy-3", "busy-4", "loud-1", "loud-2", "quiet-1")
    assert waiters.release(6) == ["busy-1", "busy-2", "loud-1", "quiet-1", "busy-3", "loud-2", "busy-4"]


def test_lower_rank_is_first_in_its_namespace_and_takes_no_turn_of_others() -> None:
    waiters = Waiters(FairSemaphore(0))
    waiters.wait("loud-1", "loud-2", "quiet-1")
    waiters.wait("loud-3", rank=-1)
    assert waiters.release(4) == ["loud-3", "quiet-1", "loud-1", "loud-2"]


def test_namespace_that_holds_its_part_takes_no_slot_of_others() -> None:
    waiters = Waiters(FairSemaphore(3, of_namespace=2))
    waiters.wait("a-1", "a-2", "a-3", "a-4", "b-1")
    assert waiters.served == ["a-1", "a-2", "b-1"]
    assert waiters.release(1, "b") == ["a-1", "a-2", "b-1"]
    waiters.wait("c-1")
    assert waiters.release(2, "a") == ["a-1", "a-2", "b-1", "c-1", "a-3", "a-4"]


def test_returning_namespace_queues_behind_the_waiting_ones() -> None:
    waiters = Waiters(FairSemaphore(1))
    waiters.wait("a-1", "a-2", "b-1")
    waiters.release(1)
    waiters.wait("a-3", "c-1")
    assert waiters.release(3) == ["a-1", "a-2", "b-1", "a-3", "c-1"]


def test_declined_slot_passes_on_even_past_thousands() -> None:
    waiters = Waiters(FairSemaphore(1))
    waiters.wait("a-1")
    waiters.wait(*(f"a-{number}" for number in range(5000)), accepts=False)
    waiters.wait("a-2")
    assert waiters.release(1) == ["a-1", "a-2"]


@given(st.integers(1, 4), st.lists(st.sampled_from("abc"), max_size=30))
def test_each_waiter_is_served_once_and_namespaces_take_turns(count: int, namespaces: list[str]) -> None:
    semaphore = FairSemaphore(0)
    waiters = Waiters(semaphore)
    names = [f"{namespace}-{number}" for number, namespace in enumerate(namespaces)]
    waiters.wait(*names)
    for _ in range(count):
        semaphore.release()
    waiters.release(len(names))
    assert sorted(waiters.served) == sorted(names)
    for namespace in set(namespaces):
        assert _of(waiters.served, namespace) == _of(names, namespace), "first come, first served"
    _require_turns(waiters.served)


def _of(names: Iterable[str], namespace: str) -> list[str]:
    return [name for name in names if name.startswith(namespace)]


def _require_turns(served: list[str]) -> None:
    """Require that no namespace is served twice in a row while another one waits."""
    spaces = [name.partition("-")[0] for name in served]
    for index, space in enumerate(spaces[1:], start=1):
        if space == spaces[index - 1]:
            assert set(spaces[index:]) == {space}


async def test_slot_is_released_when_its_block_fails() -> None:
    semaphore = FairSemaphore(1)

    async def fail() -> None:
        async with semaphore.slot("a"):
            assert semaphore.free == 0
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    assert semaphore.free == 1


async def test_waiter_cancelled_before_or_after_the_grant_keeps_no_slot() -> None:
    semaphore = FairSemaphore(1)
    await semaphore.acquire("a")
    waiting, served = (asyncio.create_task(semaphore.acquire("a")) for _ in range(2))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.sleep(0)
    semaphore.release()
    assert semaphore.free == 0, "the slot is for the second waiter"
    served.cancel()
    for task in (waiting, served):
        with pytest.raises(asyncio.CancelledError):
            await task
    assert semaphore.free == 1
