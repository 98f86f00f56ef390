"""The way between an operator and everything outside its process: slow, unreliable, and its last one at times."""

from __future__ import annotations

import asyncio
from enum import Enum, auto
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.simulation.tape import Tape

DELAYS = (0.001, 0.0, 0.002, 0.02, 0.3, 1.5)
"""Seconds that one way takes."""
HANGS_FOR = 10.0
"""Seconds after which a client stops waiting."""
LATE = (3.0, 9.0, 12.0)
"""Seconds after which a request that nobody waits for any more gets there, if it does."""


class Fate(Enum):
    """What becomes of a way."""

    GOES = auto()
    LOST = auto()
    HANGS = auto()
    CRASHES = auto()
    """The process dies on it."""


FATES = (*[Fate.GOES] * 94, *[Fate.LOST] * 4, Fate.HANGS, Fate.CRASHES)


class LostError(Exception):
    """There is no answer."""


class Network:
    """One operator's connection; `rough` ends with the faults, `dead` ends everything."""

    def __init__(self, tape: Tape, tell: Callable[[str], None], name: str) -> None:
        self._tape = tape
        self._tell = tell
        self.name = name
        self.rough = True
        self.dead = False
        self.hanging = 0
        """How many ways hang now."""
        self.cut_until = 0.0
        """Until then nothing gets through, on the loop's clock."""
        self.crash: Callable[[], None] = lambda: None
        """Ends the process at once."""

    async def way(self, what: str, *, late: Callable[[], None] | None = None) -> None:
        """Take one way; `late` is what a request does that gets there when its sender waits no longer.

        Raises:
            LostError: it is lost, at once or after the sender has waited in vain.
        """
        await asyncio.sleep(self._tape.pick(DELAYS) if self.rough else 0.001)
        fate = self._tape.pick(FATES) if self.rough and not self.dead else Fate.GOES
        if self.rough and asyncio.get_running_loop().time() < self.cut_until:
            fate = Fate.LOST
        if fate is Fate.LOST:
            self._tell(f"{self.name}: {what} is lost")
            raise LostError
        if fate is Fate.HANGS:
            self._tell(f"{self.name}: {what} hangs")
            if late is not None:
                asyncio.get_running_loop().call_later(self._tape.pick(LATE), late)
            self.hanging += 1
            await asyncio.sleep(HANGS_FOR)
            self.hanging -= 1
            raise LostError
        if fate is Fate.CRASHES:
            await self.die(what)
        if self.dead:
            raise asyncio.CancelledError

    async def die(self, what: str) -> None:
        """Let the process end here."""
        self._tell(f"{self.name}: crashes at {what}")
        self.crash()
        await asyncio.sleep(0)
