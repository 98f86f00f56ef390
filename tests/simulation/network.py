"""The network between a process and everything outside it: slow, unreliable, and the place where processes crash."""

from __future__ import annotations

import asyncio
from enum import Enum, auto
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.simulation.choices import Choices
    from tests.simulation.outages import Outages

DELAYS = (0.001, 0.0, 0.002, 0.02, 0.3, 1.5)
"""Seconds that a transfer takes."""
HANGS_FOR = 10.0
"""Seconds after which a client stops waiting."""
LATE = (3.0, 9.0, 12.0)
"""Seconds after which a request arrives although its sender has timed out."""


class Fate(Enum):
    """The outcome of a transfer."""

    ARRIVES = auto()
    LOST = auto()
    HANGS = auto()
    CRASHES = auto()
    """The process crashes."""


FATES = (*[Fate.ARRIVES] * 94, *[Fate.LOST] * 4, Fate.HANGS, Fate.CRASHES)


class LostError(Exception):
    """No answer arrives."""


class Network:
    """The connection of one process; `rough` ends with the faults, `dead` ends everything."""

    def __init__(
        self,
        choices: Choices,
        log: Callable[[str], None],
        name: str,
        *,
        outages: Outages,
        crash: Callable[[], None],
    ) -> None:
        self._outages = outages
        self._choices = choices
        self._log = log
        self._crash = crash
        self.name = name
        self.rough = True
        self.dead = False
        self.hanging = 0
        """Transfers that hang now."""
        self.cut_until = 0.0
        """Nothing arrives before this time, on the loop's clock."""

    async def transfer(
        self, what: str, *, late: Callable[[], None] | None = None, to_api: bool = True
    ) -> None:
        """Transfer a request or an answer; `late` is the effect of a request that arrives after a timeout.

        An outage of the API server loses the transfer if it is `to_api`.

        Raises:
            LostError: the transfer is lost, at once or after a timeout.
        """
        await asyncio.sleep(self._choices.pick(DELAYS) if self.rough else 0.001)
        fate = self._choices.pick(FATES) if self.rough and not self.dead else Fate.ARRIVES
        if self.rough and asyncio.get_running_loop().time() < self.cut_until:
            fate = Fate.LOST
        if to_api and not self.dead and self._outages.api_seconds:
            raise LostError
        if fate is Fate.LOST:
            self._log(f"{self.name}: {what} is lost")
            raise LostError
        if fate is Fate.HANGS:
            self._log(f"{self.name}: {what} hangs")
            if late is not None:
                asyncio.get_running_loop().call_later(self._choices.pick(LATE), late)
            self.hanging += 1
            await asyncio.sleep(HANGS_FOR)
            self.hanging -= 1
            raise LostError
        if fate is Fate.CRASHES:
            await self.die(what)
        if self.dead:
            raise asyncio.CancelledError

    async def die(self, what: str) -> None:
        """Crash the process."""
        self._log(f"{self.name}: crashes at {what}")
        self._crash()
        await asyncio.sleep(0)
