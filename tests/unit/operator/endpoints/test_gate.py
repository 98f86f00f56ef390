"""The gate of a destination: slots that the receivers of a channel share, and what is left of it when nobody calls."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest

from notification_domain.flow_control.breaker import Limits, Result
from notification_domain.flow_control.rate import Rate
from notification_operator.endpoints.call_slots import ACTIVE_CALLS, CallSlots
from notification_operator.endpoints.circuit import PermittedCall, Rejected
from notification_operator.endpoints.gate import Gate, Postponed
from notification_operator.endpoints.limits import FlowControl
from notification_operator.endpoints.waiting_line import STALE_SECONDS
from tests.unit.operator.domain.builders import START
from tests.unit.operator.domain.receivers.entries import receiver
from tests.unit.operator.endpoints.stage import Stage, until_idle

CONTROL = FlowControl(Limits(), concurrency=4, clock=lambda: START, seconds=lambda: 0.0)


def gate(*, before: Gate | None = None) -> Gate:
    return Gate("slack", CONTROL, slots=1, shared=CallSlots(4), before=before)


async def use(
    tested: Gate, *, result: Result = Result.SUCCESS, notification: str = "uid", **options: Any
) -> None:
    async with tested.call(notification=notification, namespace="shop", rank=0, **options) as answer:
        assert isinstance(answer, PermittedCall)
        with answer:
            answer.result = result


async def test_gate_without_a_call_a_pause_and_an_open_breaker_is_forgettable() -> None:
    tested = gate()
    assert tested.forgettable()
    async with tested.call(notification="uid", namespace="shop", rank=0):
        assert not tested.forgettable()
    assert tested.forgettable()
    tested.pace.pause(30)
    assert not tested.forgettable()


def test_gate_whose_rate_is_used_or_awaited_is_not_forgettable() -> None:
    seconds = [0.0]
    control = FlowControl(Limits(), concurrency=4, clock=lambda: START, seconds=lambda: seconds[0])
    tested = Gate("slack", control, slots=1, shared=CallSlots(4))
    rate = Rate(per_second=0.1, burst=1)
    assert tested.pace.check(rate, notification="sent", namespace="shop", rank=0) is None
    tested.pace.consume("sent", "shop", 1)
    assert not tested.forgettable()
    assert tested.pace.check(rate, notification="waits", namespace="shop", rank=0) is not None
    seconds[0] = 10.0
    assert not tested.forgettable(), "a notification waits, and the rate is free again"
    seconds[0] += STALE_SECONDS
    assert tested.forgettable(), "it did not ask again"


async def test_open_breaker_is_not_forgotten_and_rejects() -> None:
    tested = gate()
    await use(tested, result=Result.REFUSAL)
    assert not tested.forgettable()
    async with tested.call(notification="uid", namespace="shop", rank=0) as answer:
        assert isinstance(answer, Rejected)


async def test_pause_is_asked_for_again_after_the_wait_for_a_slot() -> None:
    tested = gate()
    async with tested.call(notification="first", namespace="shop", rank=0):
        waiting = asyncio.create_task(use(tested))
        await until_idle()
        tested.pace.pause(30)
    with pytest.raises(Postponed):
        await waiting


async def test_retired_gate_postpones_what_waits_and_hands_its_slots_on() -> None:
    old = gate()
    async with old.call(notification="first", namespace="shop", rank=0):
        waiting = asyncio.create_task(use(old))
        await until_idle()
        old.retire()
        new = gate(before=old)
        next_one = asyncio.create_task(use(new))
        await until_idle()
        assert not next_one.done()
    with pytest.raises(Postponed):
        await waiting
    await next_one


async def test_call_that_may_not_begin_any_more_is_postponed_after_the_wait() -> None:
    tested = gate()
    rate = Rate(per_second=0.001, burst=1)
    assert tested.pace.check(rate, notification="late", namespace="shop", rank=0) is None
    tested.pace.consume("late", "shop", 1)
    owned = True
    async with tested.call(notification="first", namespace="shop", rank=0):
        waiting = asyncio.create_task(use(tested, notification="late", messages=1, may_start=lambda: owned))
        next_one = asyncio.create_task(use(tested))
        await until_idle()
        owned = False
    with pytest.raises(Postponed):
        await waiting
    await next_one
    assert tested.pace.check(rate, notification="late", namespace="shop", rank=0) is None


async def test_local_call_that_may_not_begin_any_more_is_postponed() -> None:
    stage = Stage(receiver("a", "console"))
    found, send = stage.delivery("console/a"), stage.send("console/a")
    with pytest.raises(Postponed):
        await found.endpoint.send(found, send, lambda: False)
    assert stage.console.calls == []


async def test_closed_breaker_of_a_new_gate_gives_all_slots() -> None:
    """The one before was open, and its calls still run."""
    old = Gate("slack", CONTROL, slots=4, shared=CallSlots(4))
    running = [old.call(notification=str(number), namespace="shop", rank=0) for number in range(3)]
    for each in running:
        await each.__aenter__()
    async with old.call(notification="refused", namespace="shop", rank=0) as answer:
        assert isinstance(answer, PermittedCall)
        with answer:
            answer.result = Result.REFUSAL
    old.retire()
    new = Gate("slack", CONTROL, slots=4, shared=CallSlots(4), before=old)
    for each in running:
        await each.__aexit__(None, None, None)
    others = [new.call(notification=str(number), namespace="shop", rank=0) for number in range(4)]
    async with asyncio.timeout(1):
        for each in others:
            await each.__aenter__()
    for each in others:
        await each.__aexit__(None, None, None)


async def test_receivers_share_the_slots_of_a_channel_within_the_process() -> None:
    stage = Stage(receiver("a", "console"), receiver("b", "console"))
    stage.console.hangs = True
    targets = ("console/a", "console/b", "console")
    running = [stage.start(target, uid=str(number)) for number in range(3) for target in targets]
    await until_idle()
    assert stage.console.at_once == 4
    for task in running:
        task.cancel()


async def test_many_calls_of_one_namespace_take_turns_and_waiting_one_yields() -> None:
    control = FlowControl(Limits(), concurrency=4, clock=lambda: START, seconds=lambda: 0.0)
    begun: list[str] = []
    all_begun = asyncio.Event()

    async def hang(namespace: str, number: int) -> None:
        tested = Gate(f"{number}", control, slots=1, shared=CallSlots(4))
        async with tested.call(notification=f"{number}", namespace=namespace, rank=0):
            begun.append(namespace)
            if len(begun) > 2 * ACTIVE_CALLS:
                all_begun.set()
            await asyncio.Event().wait()

    flood = [asyncio.create_task(hang("flood", number)) for number in range(2 * ACTIVE_CALLS)]
    await until_idle()
    shop = asyncio.create_task(hang("shop", 0))
    await until_idle()
    assert Counter(begun) == {"flood": ACTIVE_CALLS, "shop": 1}
    async with asyncio.timeout(5):
        await all_begun.wait()
    for task in (*flood, shop):
        task.cancel()
