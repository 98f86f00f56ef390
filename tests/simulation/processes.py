"""The operator's processes of one schedule: started, killed, stopped, cut off, and started again."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from notification_operator.app import LAST_STEPS
from notification_operator.domain.sharding import shard_of
from notification_operator.observers.audit.writer import RETRY_DELAYS as PAUSES_OF_AUDIT
from tests.simulation.ground import SETTINGS, Ground
from tests.simulation.promises import Promises, demand
from tests.simulation.replica import Replica

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from notification_operator.observers.publisher import Transition

PAUSES = (0.1, 2.0, 14.0)
"""Seconds until a process that has ended is started again."""
CUTS = (1.0, 5.0, 12.0, 25.0)
"""Seconds for which a process reaches nothing but receivers."""


class Processes:
    """One or two replicas at work, and those that are about to stop."""

    def __init__(
        self,
        ground: Ground,
        promises: Promises,
        *,
        chore: Callable[[Coroutine[Any, Any, None]], None],
        guarded: Callable[[Callable[..., None]], Callable[..., None]],
    ) -> None:
        self._ground = ground
        self._tape = ground.tape
        self._tell = ground.tell
        self._promises = promises
        self._chore = chore
        self._guarded = guarded
        self._starts = 0
        self.present: list[Replica] = []
        """Those that work or stand by."""
        self._leaving: list[Replica] = []

    def __iter__(self) -> Iterator[Replica]:
        """Return every process that is alive."""
        return iter((*self.present, *self._leaving))

    @property
    def working(self) -> list[Replica]:
        """Those that work."""
        return [replica for replica in self.present if replica.leads]

    @property
    def cover(self) -> bool:
        """Whether every shard has its replica."""
        working = self.working
        return bool(working) and sum(each.duty.owned for each in working) == working[0].duty.shards

    def owner(self, uid: str) -> Replica | None:
        """Return whose an object is."""
        return next((replica for replica in self if replica.has(uid)), None)

    def start(self) -> None:
        """Start one more."""
        self._starts += 1
        name = f"operator {self._starts}"
        ear = _Ear(self._guarded(self._promises.announce), name)
        self.present.append(
            Replica(name, self._ground, observer=ear, on_share=self._guarded(self._shared), crash=self._crash)
        )

    def kill(self) -> None:
        """Kill one, at whatever it is."""
        if alive := list(self):
            victim = self._tape.pick(alive)
            self._tell(f"{victim.name}: is killed")
            self._crash(victim)

    def stop(self) -> None:
        """Have one stop in good order, in trouble or in peace."""
        if self.present:
            replica = self._tape.pick(self.present)
            replica.network.rough = not self._tape.chance(50)
            self._begin_stop(replica)

    def hand_over(self) -> None:
        """Have one that works stop: another one finds what it has missed while it was none of its own."""
        self._begin_stop(self.working[0])

    def cut(self) -> None:
        """Cut one off."""
        if alive := list(self):
            replica, seconds = self._tape.pick(alive), self._tape.pick(CUTS)
            self._tell(f"{replica.name}: is cut off for {seconds:g} s")
            replica.network.cut_until = asyncio.get_running_loop().time() + seconds

    def relist(self) -> None:
        """Break the watch of one."""
        if self.present:
            replica = self._tape.pick(self.present)
            self._tell(f"{replica.name}: its watch breaks and lists anew")
            replica.watch.relist()

    def calm(self) -> None:
        """Let nothing go wrong any more."""
        for replica in self:
            replica.network.rough = False

    def judge(self) -> None:
        """Demand that nothing is kept, and no audit event given up without need."""
        for replica in self.present:
            kept = replica.leftovers()
            demand(not kept, f"{replica.name} keeps {kept}")
            if replica.lost:
                demand(replica.audit_failures > len(PAUSES_OF_AUDIT), f"{replica.name} gives up audit events")
                self._promises.unreliable.add(replica.name)

    def _shared(self, replica: Replica, lost: frozenset[int]) -> None:
        """A replica's share has changed: what it has given back is over, and nothing is another one's, too."""
        for shard in lost:
            of = partial(_in_shard, shard, replica.duty.shards)
            if shard in replica.given:
                self._promises.given(replica.name, of)
                demand(not any(map(of, replica.ledger.uids)), f"{replica.name} gives tries back")
                demand(
                    not any(of(key.uid) for key in replica.queue.in_pass), f"{replica.name} gives a pass back"
                )
            else:
                self._promises.excuse(replica.name, of)
        replica.given -= replica.holds
        for other in self:
            if other is not replica and not other.network.dead and other.holds and replica.holds:
                alike = other.duty.shards == replica.duty.shards
                demand(alike, f"{replica.name} works beside {other.name} by another count of shards")
                demand(not other.holds & replica.holds, f"{replica.name} leads beside {other.name}")

    def _crash(self, replica: Replica) -> None:
        replica.kill()
        self._promises.excuse(replica.name)
        for crowd in (self.present, self._leaving):
            if replica in crowd:
                crowd.remove(replica)
                self._chore(self._restart())

    async def _restart(self) -> None:
        await asyncio.sleep(self._tape.pick(PAUSES))
        self.start()

    def _begin_stop(self, replica: Replica) -> None:
        self.present.remove(replica)
        self._leaving.append(replica)
        self._chore(self._let_stop(replica))

    async def _let_stop(self, replica: Replica) -> None:
        began = asyncio.get_running_loop().time()
        await replica.stop()
        if replica in self._leaving:  # it has not died meanwhile
            self._leaving.remove(replica)
            self._guarded(self._stopped)(replica, began, asyncio.get_running_loop().time())
            await self._restart()

    def _stopped(self, replica: Replica, began: float, ended: float) -> None:
        grace, gave_up_at = SETTINGS.shutdown.grace_seconds, replica.ledger.gave_up_at
        if gave_up_at is not None or replica.lost:
            self._promises.excuse(replica.name)
        demand(ended <= began + grace, f"{replica.name} stops for {ended - began} s")
        demand(
            gave_up_at is None or not replica.stops_in_peace,
            f"{replica.name} gives up tries although nothing is in their way",
        )
        demand(
            gave_up_at is None or gave_up_at >= began + grace - LAST_STEPS - 0.001,
            f"{replica.name} gives up tries before its time",
        )
        left = {"running", "in flight"} if replica.lost else {"running", "in flight", "audit events"}
        left &= set(replica.leftovers())
        demand(not left, f"{replica.name} has stopped and leaves {left}")


def _in_shard(shard: int, count: int, uid: str) -> bool:
    return shard_of(uid, count) == shard


@dataclass(frozen=True, slots=True)
class _Ear:
    """Listens to one replica."""

    announce: Callable[[Transition, str], None]
    who: str

    def on_transition(self, transition: Transition) -> None:
        self.announce(transition, self.who)
