"""The simulated receivers: they record every call, and answer as the choices say."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from notification_operator.delivery.channel import Permanent, RateLimited, Transient

if TYPE_CHECKING:
    from collections.abc import Callable

    from notification_operator.delivery.channel import Message
    from tests.simulation.choices import Choices
    from tests.simulation.network import Network

TIMES = (0.0, 0.002, 0.1, 0.4, 2.0, 8.0)
"""Seconds that an answer takes."""
USUAL = ("success", "success", "success", "transient", "transient", "later", "permanent", "bug", "silence")
PAUSES = {"pause": 3.0, "long pause": 90.0}
"""Seconds that the receiver asks for with status 429; the long one exceeds every policy."""
UNUSUAL = ("pause", "pause", "poison", "transient", "transient", "later", "long pause", "bug", "silence")
ENDS = (*USUAL * 5, *UNUSUAL, "crash before", "crash after")
"""The outcome of a call; at a crash the process dies, before or after the receiver has answered.

A poisonous message fails whenever the process sends it, for as long as there are faults.
"""


@dataclass(slots=True, kw_only=True)
class Call:
    """A call of a receiver."""

    uid: str
    channel: str
    number: int
    at: float
    who: str
    end: str = "open"
    ended_at: float = 0.0
    retry_after: float = 0.0
    paused_until: float = 0.0
    """The end of the pause that the receiver had asked this process for before the call."""
    excused: bool = False
    """Whether its process died, or lost the shard, before a write held its outcome."""

    @property
    def key(self) -> tuple[str, int]:
        """The key of its record."""
        return self.channel, self.number

    @property
    def id(self) -> str:
        """The idempotency key."""
        return f"{self.uid}:{self.channel}:{self.number}"


class SimulatedChannel:
    """The channel of one process to a receiver."""

    destination = "simulated"

    def __init__(
        self, name: str, network: Network, choices: Choices, on_call: Callable[[Call], None]
    ) -> None:
        self._name = name
        self._network = network
        self._choices = choices
        self._on_call = on_call
        self._paused_until = 0.0
        self._poisonous: set[str] = set()

    async def deliver(self, message: Message) -> None:
        """See `Channel.deliver`; the answer may be late, or never come."""
        uid, channel, number = message.id.rsplit(":", 2)
        loop = asyncio.get_running_loop()
        call = Call(uid=uid, channel=channel, number=int(number), at=loop.time(), who=self._network.name)
        call.paused_until = self._paused_until
        self._on_call(call)
        end, seconds = self._end(uid)
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

    def _end(self, uid: str) -> tuple[str, float]:
        """Choose how a call ends, and after how many seconds."""
        if not self._network.rough:
            return "success", 0.0
        if uid in self._poisonous:
            return "poison", 0.0
        end, seconds = self._choices.pick(ENDS), self._choices.pick(TIMES)
        if end == "poison":
            self._poisonous.add(uid)
        return end, seconds

    async def _answer(self, call: Call) -> None:
        match call.end:
            case "crash after":
                call.end = "success"
                await self._network.die(f"the answer of {call.channel}")
            case "transient" | "poison":
                raise Transient("not now")
            case "pause" | "long pause" as pause:
                call.retry_after = PAUSES[pause]
                ends = asyncio.get_running_loop().time() + call.retry_after
                self._paused_until = max(self._paused_until, ends)
                raise RateLimited("too many", retry_after=call.retry_after)
            case "later":
                call.retry_after = 5.0
                raise Transient("later", retry_after=5.0)
            case "permanent":
                raise Permanent("never")
            case "bug":
                raise ZeroDivisionError
