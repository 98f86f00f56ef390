"""A limit on what runs at once, shared fairly: who waits in a busy namespace keeps nobody in another one waiting."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable


class FairSlots:
    """So many slots, for what may run at once.

    Who asks when none is free waits in the row of its namespace, first come, first served. A slot that is
    given back goes to the first of the namespace whose turn it is (DD-FAIR-001).
    """

    def __init__(self, count: int) -> None:
        self.free = count
        self._rows: OrderedDict[str, deque[Callable[[], bool]]] = OrderedDict()
        """By namespace, those whose turn comes first in front; none of them is empty."""

    def ask(self, namespace: str, take: Callable[[], bool]) -> None:
        """Call `take` with a slot, now or when it is its turn; it says whether it still wants the slot."""
        self._rows.setdefault(namespace, deque()).append(take)
        self._hand_out()

    def give_back(self) -> None:
        """Let the next one have a slot that is held."""
        self.free += 1
        self._hand_out()

    async def wait(self, namespace: str) -> None:
        """Return with a slot."""
        turn = asyncio.get_running_loop().create_future()

        def take() -> bool:
            if wanted := not turn.done():
                turn.set_result(None)
            return wanted

        self.ask(namespace, take)
        try:
            await turn
        except asyncio.CancelledError:
            # The slot and the cancellation may come at the same moment.
            if not turn.cancelled():
                self.give_back()
            raise

    @asynccontextmanager
    async def held(self, namespace: str) -> AsyncIterator[None]:
        """Hold a slot for as long as the block lasts."""
        await self.wait(namespace)
        try:
            yield
        finally:
            self.give_back()

    def _hand_out(self) -> None:
        while self.free and self._rows:
            namespace, row = self._rows.popitem(last=False)
            take = row.popleft()
            if row:
                self._rows[namespace] = row
            self.free -= 1
            if not take():
                self.free += 1
