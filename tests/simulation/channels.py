"""The simulated channels: they record every call, and what is at the far end answers as the choices say."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from notification_runtime.delivery.channel import Channel, Permanent, RateLimited, Refused, Transient

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from notification_runtime.delivery.channel import Message, Receipt
    from tests.simulation.chat import Chat
    from tests.simulation.choices import Choices
    from tests.simulation.network import Network

TIMES = (0.0, 0.002, 0.1, 0.4, 2.0, 8.0)
"""Seconds that an answer takes."""
USUAL = ("success", "success", "success", "transient", "transient", "later", "permanent", "bug", "silence")
PAUSES = {"pause": 3.0, "long pause": 90.0}
"""Seconds that the far end asks for with status 429; the long one exceeds every policy."""
UNUSUAL = ("pause", "pause", "poison", "transient", "transient", "later", "long pause", "bug", "silence")
ENDS = (*USUAL * 5, *UNUSUAL, "crash before", "crash after")
"""The outcome of a call; at a crash the process dies, before or after the far end has answered.

A poisonous message fails whenever the process sends it, for as long as there are faults.
"""


@dataclass(slots=True, kw_only=True)
class Call:
    """A call of a channel."""

    uid: str
    channel: str
    """The key of the target."""
    number: int
    at: float
    who: str
    wall: datetime
    """The time by the clock of the process."""
    namespace: str
    delivery_id: str
    address: str = ""
    """The recipient, where the channel addresses people."""
    credential: str | None = None
    """The credential that the channel was created with; None for one without."""
    holds: bool = False
    """Whether the receiver lets messages wait while it accepts none."""
    end: str = "open"
    ended_at: float = 0.0
    retry_after: float = 0.0
    paused_until: float = 0.0
    """The end of the pause that the far end had asked this process for before the call."""
    excused: bool = False
    """Whether its process died, or lost the shard, before a write held its outcome."""

    @property
    def held(self) -> bool:
        """Whether the receiver accepted no message at all, and lets it wait: then it uses no attempt."""
        return self.holds and self.end == "unauthorized"

    @property
    def key(self) -> tuple[str, int]:
        """The key of its record."""
        return self.channel, self.number

    @property
    def id(self) -> str:
        """The idempotency key."""
        return f"{self.uid}:{self.channel}:{self.number}"


@dataclass(slots=True)
class Pause:
    """The end of the pause that a far end asked one process for."""

    until: float = 0.0

    def extend(self, seconds: float) -> None:
        """Take in another request for a pause."""
        self.until = max(self.until, asyncio.get_running_loop().time() + seconds)


class SimulatedChannel(Channel):
    """A channel of one process."""

    destination = "simulated"

    def __init__(
        self,
        network: Network,
        choices: Choices,
        on_call: Callable[[Call], None],
        *,
        clock: Callable[[], datetime],
        pauses: defaultdict[str, Pause] | None = None,
        chat: Chat | None = None,
    ) -> None:
        self._network = network
        self._choices = choices
        self._on_call = on_call
        self._clock = clock
        self._pauses = defaultdict(Pause) if pauses is None else pauses
        self._poisonous: set[str] = set()
        self._chat = chat
        self.keeps_threads = chat is not None

    async def deliver(self, message: Message) -> Receipt | None:
        """See `Channel.deliver`; the answer may be late, or never come."""
        call, loop = self._call(message), asyncio.get_running_loop()
        self._on_call(call)
        end, seconds = self._end(call)
        try:
            if end == "crash before":
                await self._network.die(f"a call of {call.channel}")
            await asyncio.sleep(3600.0 if end == "silence" else seconds)
        except asyncio.CancelledError:
            end = "timeout"
            raise
        finally:
            call.end, call.ended_at = end, loop.time()
        accepted = end in {"success", "crash after"}
        receipt = self._chat.accept(message, call) if self._chat is not None and accepted else None
        await self._answer(call)
        return receipt

    def _call(self, message: Message) -> Call:
        uid, target, number = message.id.rsplit(":", 2)
        return Call(
            uid=uid,
            channel=target,
            number=int(number),
            at=asyncio.get_running_loop().time(),
            who=self._network.name,
            wall=self._clock(),
            namespace=message.namespace,
            delivery_id=message.delivery_id,
            address=message.address,
            paused_until=self._pauses[self._sender(target)].until,
        )

    def _sender(self, target: str) -> str:
        """Return what has a pause of its own: the channel of the settings, or a receiver that uses it."""
        return target

    def _end(self, call: Call) -> tuple[str, float]:
        """Choose how a call ends, and after how many seconds."""
        if not self._network.rough:
            return "success", 0.0
        if call.uid in self._poisonous:
            return "poison", 0.0
        end, seconds = self._choices.pick(ENDS), self._choices.pick(TIMES)
        if end == "poison":
            self._poisonous.add(call.uid)
        return end, seconds

    async def _answer(self, call: Call) -> None:
        match call.end:
            case "crash after":
                call.end = "success"
                await self._network.die(f"the answer of {call.channel}")
            case "transient" | "poison":
                raise Transient("not now")
            case "pause" | "long pause" as pause:
                self._hold(call, PAUSES[pause])
            case "later":
                call.retry_after = 5.0
                raise Refused("later", retry_after=5.0)
            case "permanent":
                raise Permanent("never")
            case "bug":
                raise ZeroDivisionError

    def _hold(self, call: Call, seconds: float) -> None:
        """Ask for a pause, as with status 429.

        Raises:
            RateLimited: always.
        """
        call.retry_after = seconds
        self._pauses[self._sender(call.channel)].extend(seconds)
        raise RateLimited("too many", retry_after=seconds)
