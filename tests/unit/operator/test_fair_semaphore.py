"""The limit that is fair between namespaces: who gets a slot, when, and that none is lost."""

import asyncio
from collections.abc import Iterable
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notification_operator.fair_semaphore import FairSlots


class Row:
    """Those who asked, and who of them got a slot, in this order."""

    def __init__(self, slots: FairSlots) -> None:
        self.slots = slots
        self.served: list[str] = []

    def ask(self, *names: str, wanted: bool = True) -> None:
        """Ask for each name; the part before the dash is the namespace."""
        for name in names:
            self.slots.ask(name.partition("-")[0], partial(self._take, name, wanted=wanted))

    def _take(self, name: str, *, wanted: bool) -> bool:
        if wanted:
            self.served.append(name)
        return wanted

    def give_back(self, times: int) -> list[str]:
        for _ in range(times):
            self.slots.give_back()
        return self.served


def test_what_is_free_is_given_at_once_and_no_more_than_there_is() -> None:
    row = Row(FairSlots(2))
    row.ask("a-1", "a-2", "a-3")
    assert row.served == ["a-1", "a-2"]
    assert row.give_back(1) == ["a-1", "a-2", "a-3"]


def test_who_asks_alone_in_a_namespace_waits_for_one_of_each_other_and_not_for_all_of_them() -> None:
    row = Row(FairSlots(1))
    row.ask("busy-1", "busy-2", "busy-3", "busy-4", "loud-1", "loud-2", "quiet-1")
    assert row.give_back(6) == ["busy-1", "busy-2", "loud-1", "quiet-1", "busy-3", "loud-2", "busy-4"]


def test_a_namespace_that_comes_again_has_its_turn_after_those_that_wait() -> None:
    row = Row(FairSlots(1))
    row.ask("a-1", "a-2", "b-1")
    row.give_back(1)
    row.ask("a-3", "c-1")
    assert row.give_back(3) == ["a-1", "a-2", "b-1", "a-3", "c-1"]


def test_a_slot_that_is_not_wanted_any_more_goes_to_the_next_even_past_thousands() -> None:
    row = Row(FairSlots(1))
    row.ask("a-1")
    row.ask(*(f"a-{number}" for number in range(5000)), wanted=False)
    row.ask("a-2")
    assert row.give_back(1) == ["a-1", "a-2"]


@given(st.integers(1, 4), st.lists(st.sampled_from("abc"), max_size=30))
def test_each_one_is_served_once_and_no_namespace_twice_while_another_waits(
    count: int, asked: list[str]
) -> None:
    slots = FairSlots(0)
    row = Row(slots)
    names = [f"{namespace}-{number}" for number, namespace in enumerate(asked)]
    row.ask(*names)
    for _ in range(count):
        slots.give_back()
    row.give_back(len(names))
    assert sorted(row.served) == sorted(names)
    for namespace in set(asked):
        assert _of(row.served, namespace) == _of(names, namespace), "first come, first served"
    _never_twice_while_another_waits(row.served)


def _of(names: Iterable[str], namespace: str) -> list[str]:
    return [name for name in names if name.startswith(namespace)]


def _never_twice_while_another_waits(served: list[str]) -> None:
    spaces = [name.partition("-")[0] for name in served]
    for index, space in enumerate(spaces[1:], start=1):
        if space == spaces[index - 1]:
            assert set(spaces[index:]) == {space}


async def test_a_slot_is_held_for_the_block_and_given_back_when_it_fails() -> None:
    slots = FairSlots(1)

    async def fail() -> None:
        async with slots.held("a"):
            assert slots.free == 0
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    assert slots.free == 1


async def test_who_is_cancelled_while_waiting_or_just_served_keeps_no_slot() -> None:
    slots = FairSlots(1)
    await slots.wait("a")
    waiting, served = (asyncio.create_task(slots.wait("a")) for _ in range(2))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.sleep(0)
    slots.give_back()
    assert slots.free == 0, "it is for the second one"
    served.cancel()
    for task in (waiting, served):
        with pytest.raises(asyncio.CancelledError):
            await task
    assert slots.free == 1
