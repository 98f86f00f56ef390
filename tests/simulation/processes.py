"""The operator's processes in one schedule: started, killed, stopped, disconnected, and restarted."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from notification_domain.key import shard_of
from notification_operator.lifecycle import LAST_STEPS
from tests.simulation.environment import GRACE_SECONDS, Environment
from tests.simulation.process import Process
from tests.simulation.violations import require

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator, Mapping

    from notification_operator.observers.publisher import Transition
    from notification_runtime.telemetry.gauges import ElectorStatistics
    from tests.simulation.invariants import Invariants

PAUSES = (0.1, 2.0, 14.0)
"""Seconds until a process that has ended is restarted."""
CUTS = (1.0, 5.0, 12.0, 25.0)
"""Seconds for which a process reaches only receivers."""
BLOCKS = (3.0, 15.0, 30.0)
"""Seconds for which the watch of a process is refused; a Lease lasts 10."""


class Processes:
    """The running processes, and the ones that are stopping."""

    def __init__(
        self,
        environment: Environment,
        invariants: Invariants,
        *,
        spawn: Callable[[Coroutine[Any, Any, None]], None],
        guarded: Callable[[Callable[..., None]], Callable[..., None]],
    ) -> None:
        self._environment = environment
        self._choices = environment.choices
        self._log = environment.log
        self._invariants = invariants
        self._spawn = spawn
        self._guarded = guarded
        self._starts = 0
        self.present: list[Process] = []
        """The ones that work or stand by."""
        self._leaving: list[Process] = []
        self._all: dict[str, Process] = {}
        self.shard_changes: Counter[str] = Counter()
        """How often the shards of a process have changed."""

    def __iter__(self) -> Iterator[Process]:
        """Return every live process."""
        return iter((*self.present, *self._leaving))

    @property
    def working(self) -> list[Process]:
        """The ones that work on any shard."""
        return [process for process in self.present if process.leads]

    @property
    def cover(self) -> bool:
        """Whether every shard is worked on."""
        shares = [each.operator.ownership.statistics() for each in self.working]
        return bool(shares) and sum(len(each.working) for each in shares) == shares[0].shards

    def owner(self, uid: str) -> Process | None:
        """Return the owner of an object."""
        return next((process for process in self if process.owns(uid)), None)

    @property
    def replicas(self) -> Mapping[str, str]:
        """The names of the pods by process, also of those that have ended."""
        return {process.name: process.replica for process in self._all.values()}

    def named(self, name: str) -> Process:
        """Return a process, also one that has ended."""
        return self._all[name]

    def start(self, *, replica: str = "") -> None:
        """Start one more, in a pod of its own or as a container that was restarted."""
        self._starts += 1
        name = f"operator {self._starts}"
        process = Process(
            name,
            self._environment,
            observer=_Observer(self._guarded(self._invariants.publish), name),
            on_shards=self._guarded(self._shards_changed),
            crash=self._crash,
            replica=replica,
        )
        self._all[name] = process
        self.present.append(process)
        process.start()

    def kill(self) -> None:
        """Kill one, whatever it is doing."""
        if alive := list(self):
            victim = self._choices.pick(alive)
            self._log(f"{victim.name}: is killed")
            self._crash(victim)

    def stop(self) -> None:
        """Stop one in order, disturbed or undisturbed."""
        if self.present:
            process = self._choices.pick(self.present)
            process.network.rough = not self._choices.chance(50)
            self._begin_stop(process)

    def hand_over(self) -> None:
        """Stop one that works: another one finds what it has missed while it did not own it."""
        self._begin_stop(self.working[0])

    def disconnect(self) -> None:
        """Disconnect one."""
        if alive := list(self):
            process, seconds = self._choices.pick(alive), self._choices.pick(CUTS)
            self._log(f"{process.name}: is disconnected for {seconds:g} s")
            process.network.cut_until = asyncio.get_running_loop().time() + seconds

    def relist(self) -> None:
        """Break the watch of one."""
        if self.present:
            process = self._choices.pick(self.present)
            self._log(f"{process.name}: its watch breaks and lists again")
            process.watch.relist()

    def block_watch(self) -> None:
        """Break the watch of one and let it be refused, while everything else of the process works."""
        if self.present:
            process, seconds = self._choices.pick(self.present), self._choices.pick(BLOCKS)
            self._log(f"{process.name}: its watch is refused for {seconds:g} s")
            process.watch.block(seconds)

    def lose_api_server(self, seconds: float) -> None:
        """Let no process reach the API server for a while, also those that start meanwhile."""
        self._log(f"the API server is down for {seconds:g} s")
        outages = self._environment.outages
        outages.api_until = max(outages.api_until, asyncio.get_running_loop().time() + seconds)
        for process in self.present:
            process.relist()
        self._disturb_stops()

    def forbid(self, namespace: str, seconds: float) -> None:
        """Refuse every read and write in a namespace for a while."""
        self._log(f"namespace {namespace} refuses everything for {seconds:g} s")
        until = asyncio.get_running_loop().time() + seconds
        self._environment.outages.forbidden_until[namespace] = until
        self._disturb_stops()

    def _disturb_stops(self) -> None:
        """Excuse the processes that stop now: something disturbs them."""
        for process in self._leaving:
            process.stops_undisturbed = False

    def step_clock(self, offset: timedelta) -> None:
        """Set the wall clock of one process to a distance from the true time."""
        if self.present:
            process = self._choices.pick(self.present)
            self._log(f"{process.name}: its clock steps to {offset / timedelta(hours=1):+g} h")
            process.clock_offset = offset

    def mend_clocks(self) -> None:
        """Restart the processes whose clock is wrong, with the right one."""
        for process in [each for each in self if each.clock_offset]:
            self._log(f"{process.name}: is restarted with the right time")
            self._crash(process)

    def calm(self) -> None:
        """End all faults."""
        for process in self:
            process.network.rough = False

    def check(self) -> None:
        """Require that nothing is kept, and no audit event is dropped: an outage of the store loses none."""
        for process in self.present:
            kept = process.leftovers()
            require(not kept, f"{process.name} keeps {kept}")
            require(not process.lost_audit_events, f"{process.name} drops audit events")

    def _shards_changed(self, process: Process, elector: ElectorStatistics, lost: frozenset[int]) -> None:
        """Check a change of shards: nothing of a released one is running, and no shard has two owners."""
        name, operator = process.name, process.operator
        self.shard_changes[name] += 1
        for shard in lost:
            in_shard = partial(self._in_shard, shard, elector.shards)
            if shard in elector.released:
                self._invariants.released(name, in_shard)
                attempts = any(in_shard(key.uid) for key in operator.attempts.keys)
                require(not attempts, f"{name} releases a shard with attempts")
                running = any(in_shard(key.uid) for key in operator.queue.running)
                require(not running, f"{name} releases a shard during a reconciliation")
            else:
                self._invariants.excuse(name, in_shard)
        for other in self:
            if other is not process and not other.network.dead and other.owned and process.owned:
                same = other.operator.ownership.statistics().shards == elector.shards
                require(same, f"{name} works with another number of shards than {other.name}")
                require(not other.owned & process.owned, f"{name} owns a shard of {other.name}")

    def _in_shard(self, shard: int, count: int, uid: str) -> bool:
        return shard_of(self._environment.cluster.shard_keys[uid], count) == shard

    def _crash(self, process: Process) -> None:
        process.kill()
        self._invariants.excuse(process.name)
        for group in (self.present, self._leaving):
            if process in group:
                group.remove(process)
                self._spawn(self._restart(replica=process.replica))

    async def _restart(self, *, replica: str = "") -> None:
        await asyncio.sleep(self._choices.pick(PAUSES))
        self.start(replica=replica)

    def _begin_stop(self, process: Process) -> None:
        self.present.remove(process)
        self._leaving.append(process)
        self._spawn(self._let_stop(process))

    async def _let_stop(self, process: Process) -> None:
        began = asyncio.get_running_loop().time()
        await process.stop()
        if process in self._leaving:  # unless it has died meanwhile
            self._leaving.remove(process)
            self._guarded(self._stopped)(process, began, asyncio.get_running_loop().time())
            await self._restart()

    def _stopped(self, process: Process, began: float, ended: float) -> None:
        report = process.lifecycle.report
        assert report is not None
        name, lost = process.name, process.lost_audit_events
        if report.abandoned or lost:
            self._invariants.excuse(name)
        require(ended <= began + GRACE_SECONDS, f"{name} stops for {ended - began} s")
        require(
            not (report.abandoned and process.stops_undisturbed),
            f"{name} abandons attempts although nothing disturbs them",
        )
        require(
            not report.abandoned or report.drain_seconds >= GRACE_SECONDS - LAST_STEPS - 0.001,
            f"{name} abandons attempts too early",
        )
        kinds = {"running", "in flight"} if lost else {"running", "in flight", "audit events"}
        left = kinds & set(process.leftovers())
        require(not left, f"{name} has stopped and leaves {left}")


@dataclass(frozen=True, slots=True)
class _Observer:
    """Observes the transitions of one process."""

    publish: Callable[[Transition, str], None]
    process: str

    def on_transition(self, transition: Transition) -> None:
        self.publish(transition, self.process)
