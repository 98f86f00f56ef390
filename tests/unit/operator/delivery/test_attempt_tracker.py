"""The ledger: no try is made twice at once, none is lost between its end and a write."""

import asyncio
from datetime import UTC, datetime

from notification_operator.delivery.attempt_tracker import Ledger
from notification_operator.domain.model import Attempt, AttemptStatus
from notification_operator.domain.routing.route import Route

ROUTE = Route(channels=("slack", "console"))


def attempt(channel: str = "slack", number: int = 1) -> Attempt:
    return Attempt(channel=channel, number=number, timestamp=datetime.now(UTC), status=AttemptStatus.SUCCESS)


async def ending(result: Attempt, gate: asyncio.Event | None = None) -> Attempt:
    if gate is not None:
        await gate.wait()
    return result


async def test_a_try_is_in_flight_until_it_ends_and_unsaved_until_it_is_settled() -> None:
    ledger, gate, made = Ledger(), asyncio.Event(), attempt()
    ledger.start("uid", "slack", ROUTE, ending(made, gate))
    assert (ledger.channels_in_flight("uid"), ledger.over("uid")) == (frozenset({"slack"}), ())
    gate.set()
    await ledger.wait("uid", 5)
    await asyncio.sleep(0)
    assert (ledger.channels_in_flight("uid"), ledger.over("uid")) == (frozenset(), (made,))
    ledger.settle("uid", [made])
    assert ledger.is_empty
    assert (ledger.in_flight, ledger.unsaved) == (0, 0)


async def test_waiting_ends_at_its_time_and_leaves_the_slow_try_alone() -> None:
    ledger, gate, quick = Ledger(), asyncio.Event(), attempt("console")
    ledger.start("uid", "slack", ROUTE, ending(attempt(), gate))
    ledger.start("uid", "console", ROUTE, ending(quick))
    await ledger.wait("uid", 0.05)
    assert ledger.over("uid") == (quick,)
    assert ledger.channels_in_flight("uid") == {"slack"}
    gate.set()
    await ledger.wait("uid", 5)


async def test_the_end_of_a_slow_try_is_told_to_whom_listens() -> None:
    ledger, gate, told = Ledger(), asyncio.Event(), asyncio.Event()
    ledger.start("uid", "slack", ROUTE, ending(attempt(), gate))
    ledger.listen("uid", told.set)
    assert not told.is_set()
    gate.set()
    async with asyncio.timeout(5):
        await told.wait()


async def test_an_end_between_the_look_and_the_listening_is_told_at_once() -> None:
    ledger, told = Ledger(), asyncio.Event()
    ledger.start("uid", "slack", ROUTE, ending(attempt()))
    await ledger.wait("uid", 5)
    await asyncio.sleep(0)
    ledger.listen("uid", told.set)
    assert told.is_set()


async def test_a_pass_that_looks_itself_is_not_told() -> None:
    ledger, told = Ledger(), asyncio.Event()
    ledger.start("uid", "slack", ROUTE, ending(attempt()))
    ledger.listen("uid", told.set)
    ledger.listen("uid", None)
    await ledger.wait("uid", 5)
    await asyncio.sleep(0)
    assert not told.is_set()


async def test_settling_one_try_keeps_the_others() -> None:
    ledger, first, second = Ledger(), attempt("slack"), attempt("file")
    for made in (first, second):
        ledger.start("uid", made.channel, ROUTE, ending(made))
    await ledger.wait("uid", 5)
    await asyncio.sleep(0)
    ledger.settle("uid", [first])
    assert ledger.over("uid") == (second,)


async def test_the_result_for_an_object_that_is_gone_is_not_kept() -> None:
    ledger, gate = Ledger(), asyncio.Event()
    ledger.start("uid", "slack", ROUTE, ending(attempt(), gate))
    ledger.forget("uid")
    assert ledger.is_empty
    assert ledger.in_flight == 1
    gate.set()
    await asyncio.sleep(0.01)
    assert ledger.is_empty
    assert ledger.in_flight == 0


async def test_a_try_that_is_broken_off_leaves_no_result() -> None:
    ledger, told = Ledger(), asyncio.Event()
    ledger.start("uid", "slack", ROUTE, ending(attempt(), asyncio.Event()))
    ledger.listen("uid", told.set)
    ledger.cancel()
    async with asyncio.timeout(5):
        await ledger.drained()
    assert not told.is_set()
    assert ledger.over("uid") == ()


async def test_draining_ends_when_the_last_try_is_settled() -> None:
    ledger, made = Ledger(), attempt()
    ledger.start("uid", "slack", ROUTE, ending(made))
    drained = asyncio.create_task(ledger.drained())
    await asyncio.sleep(0.02)
    assert not drained.done()
    ledger.settle("uid", [made])
    await asyncio.wait_for(drained, 5)


async def test_the_route_is_kept_as_long_as_a_try_that_began_on_it() -> None:
    ledger, made = Ledger(), attempt()
    assert ledger.route("uid") is None
    ledger.start("uid", "slack", ROUTE, ending(made))
    await ledger.wait("uid", 5)
    await asyncio.sleep(0)
    assert ledger.route("uid") is ROUTE
    ledger.settle("uid", [made])
    assert ledger.route("uid") is None
