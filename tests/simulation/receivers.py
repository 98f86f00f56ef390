"""The simulated receivers: they remember every call, and answer as the tape says."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from notification_operator.delivery.channel import Permanent, Transient

if TYPE_CHECKING:
    from collections.abc import Callable

    from notification_operator.delivery.channel import Message
    from tests.simulation.network import Network
    from tests.simulation.tape import Tape

TIMES = (0.0, 0.002, 0.1, 0.4, 2.0, 8.0)
"""Seconds that an answer takes."""
USUAL = ("success", "success", "success", "transient", "transient", "later", "permanent", "bug", "silence")
ENDS = (*USUAL * 6, "crash before", "crash after")
"""What comes of a call; at a crash the process dies, before the receiver has answered or after it."""


@dataclass(slots=True, kw_only=True)
class Call:
    """One real call of a receiver."""

    uid: str
    channel: str
    number: int
    at: float
    who: str
    end: str = "open"
    ended_at: float = 0.0
    retry_after: float = 0.0
    excused: bool = False
    """Whether its operator died, or stood down, before a write held what came of it."""

    @property
    def id(self) -> str:
        """The idempotency key."""
        return f"{self.uid}:{self.channel}:{self.number}"


class SimulatedChannel:
    """One operator's channel to a receiver."""

    destination = "simulated"

    def __init__(self, name: str, network: Network, tape: Tape, note: Callable[[Call], None]) -> None:
        self._name = name
        self._network = network
        self._tape = tape
        self._note = note

    async def deliver(self, message: Message) -> None:
        """Answer, late or never; see `Channel.deliver`."""
        uid, channel, number = message.id.rsplit(":", 2)
        loop = asyncio.get_running_loop()
        call = Call(uid=uid, channel=channel, number=int(number), at=loop.time(), who=self._network.name)
        self._note(call)
        end, seconds = (
            (self._tape.pick(ENDS), self._tape.pick(TIMES)) if self._network.rough else ("success", 0.0)
        )
        try:
            if end == "crash before":
                await self._network.die(f"a call of {channel}")
            await asyncio.sleep(3600.0 if end == "silence" else seconds)
        except asyncio.CancelledError:
            end = "timeout"
            raise
        finally:
            call.end, call.ended_at = end, loop.time()
        await self._answer(call)

    async def _answer(self, call: Call) -> None:
        match call.end:
            case "crash after":
                call.end = "success"
                await self._network.die(f"the answer of {call.channel}")
            case "transient":
                raise Transient("not now")
            case "later":
                call.retry_after = 5.0
                raise Transient("later", retry_after=5.0)
            case "permanent":
                raise Permanent("never")
            case "bug":
                raise ZeroDivisionError
