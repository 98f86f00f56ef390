"""The slots of receivers: as many as run, however many receivers there have been."""

from __future__ import annotations

import asyncio

from notification_operator.delivery.flow_control.breakers import Breakers
from notification_operator.delivery.flow_control.destinations import Destinations
from notification_operator.delivery.flow_control.pacing import Pacing
from notification_operator.delivery.senders import Sender
from notification_operator.domain.flow_control.breaker import Limits
from tests.unit.operator.delivery.test_dispatcher import MESSAGE, Stub
from tests.unit.operator.domain.builders import START


def destinations() -> Destinations:
    breakers = Breakers(Limits(), clock=lambda: START)
    pacing = Pacing(clock=lambda: START, seconds=lambda: 0.0)
    return Destinations(breakers=breakers, pacing=pacing, concurrency=4)


async def use(parts: Destinations, sender: Sender, gate: asyncio.Event) -> None:
    destination = parts.of(sender, MESSAGE)
    assert destination is not None
    async with parts.slots(destination, sender).slot("shop"), parts.sender_slots(sender).slot("shop"):
        await gate.wait()
    parts.update(destination)


async def test_idle_receivers_have_no_slots() -> None:
    parts, gate = destinations(), asyncio.Event()
    senders = [Sender(name=f"webhook/shop/r{number}", channel=Stub()) for number in range(100)]
    tasks = [asyncio.create_task(use(parts, sender, gate)) for sender in senders for _ in range(6)]
    await asyncio.sleep(0)
    assert parts.busy == 200
    gate.set()
    await asyncio.gather(*tasks)
    assert parts.busy == 0


async def test_receivers_share_the_slots_of_a_channel_within_the_process() -> None:
    parts, console = destinations(), Stub()
    console.destination = None  # as that of the console
    names = ("console", "console/shop/a", "console/bank/b")
    slots = {id(parts.local_slots(Sender(name=name, channel=console))) for name in names}
    assert len(slots) == 1
