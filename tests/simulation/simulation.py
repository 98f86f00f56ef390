"""One schedule: a cluster, one to three processes, and everything that can go wrong between them."""

from __future__ import annotations

import asyncio
import contextvars
import math
from typing import TYPE_CHECKING, Any

from notification_domain.model import Notification, parse
from tests.simulation.audit_store import AuditLog
from tests.simulation.cluster import Cluster, attempts_of
from tests.simulation.environment import Environment
from tests.simulation.invariants import Invariants
from tests.simulation.network import LATE
from tests.simulation.outages import Outages
from tests.simulation.processes import Processes
from tests.simulation.rare_faults import RareFaults
from tests.simulation.users import CHANNELS, Users
from tests.simulation.violations import InvariantViolation, require

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence

    from atomic_status import StatusStore
    from tests.simulation.chat import Chat
    from tests.simulation.choices import Choices
    from tests.simulation.process import Process
    from tests.simulation.receivers.ports import ReceiverEnds

CALM_AFTER = 40.0
"""Virtual seconds after which all faults end."""
LONGEST = 900.0
"""Virtual seconds within which every notification has to end after that."""
TICKS = (11.0, 0.003, 0.05, 0.3, 1.0, 4.0)
"""Seconds between two disturbances."""


class TimeLimitError(Exception):
    """The rest of a schedule is not needed."""


class Simulation:
    """Runs the schedule that the choices describe."""

    channels: tuple[str, ...] = CHANNELS
    leases_percent = 40
    """The part of the schedules with leader election."""
    longest = LONGEST
    more_settings: tuple[tuple[str, str, Any], ...] = ()
    """Further settings of the operator, each as section, name and value."""
    settling = max(LATE) + 1.0
    """Virtual seconds at the end, in which late events and writes may still arrive."""
    rest_interval = 1.0
    """Virtual seconds between two looks whether everything is at rest."""

    def __init__(
        self,
        choices: Choices,
        store: Callable[[Process], StatusStore] | None,
        *,
        time_limit: float = math.inf,
    ) -> None:
        self.choices = choices
        self.trace: list[str] = []
        self.violation = ""
        self.choices_used = 0
        self.seconds = 0.0
        self._time_limit = time_limit
        self._pause: asyncio.Future[None] | None = None
        """What `run` waits for."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._context = contextvars.copy_context()
        """Of tasks that belong to no process."""
        leases = choices.chance(self.leases_percent)
        self._shards = choices.pick((1, 4, 3)) if leases else 1
        self._process_count = 1 if not leases else 2 if self._shards == 1 else choices.pick((2, 3))
        self._mixed = leases and self._shards > 1 and choices.chance(25)
        workers = choices.pick((2, 1, 4))
        breakers = choices.chance(40)
        self.audit_log = AuditLog() if choices.chance(25) else None
        uid = ("{}-0000" if self._shards > 1 else "uid-{}").format
        self.cluster = Cluster(on_write=self._written, uid=uid)
        self._prepare()
        self.invariants = self._invariants(breakers=breakers)
        self.users = self._users()
        self.outages = Outages()
        self.environment = Environment(
            cluster=self.cluster,
            choices=choices,
            outages=self.outages,
            log=self.log,
            channels=self.channels,
            breakers=breakers,
            workers=workers,
            leases={} if leases else None,
            shards=self._count_of_shards,
            audit_log=self.audit_log,
            on_call=self._guarded(self._called),
            on_reconciled=self._guarded(self.invariants.reconciled),
            store=store,
            config_maps=self._config_maps(),
            receivers=self._receivers(),
            chat=self._chat(),
            more_settings=self.more_settings,
        )
        self.processes = Processes(
            self.environment, self.invariants, spawn=self._spawn, guarded=self._guarded
        )
        self.rare_faults = RareFaults(self.environment, self.processes, self.invariants)

    def _prepare(self) -> None:
        """Create what a kind of simulation has in addition."""

    def _invariants(self, *, breakers: bool) -> Invariants:
        return Invariants(self._find, gaps=breakers)

    def _receivers(self) -> ReceiverEnds | None:
        """Return what the processes share that concerns receivers."""
        return None

    def _chat(self) -> Chat | None:
        """Return what the processes share that concerns threads."""
        return None

    def _users(self) -> Users:
        return Users(self.cluster, self.choices, log=self.log, spawn=self._spawn)

    def _config_maps(self) -> Sequence[Mapping[str, Any] | None]:
        """Return the contents of the ConfigMap with the routing document, one after another."""
        return (None,)

    def log(self, event: str) -> None:
        """Add a line to the trace."""
        self.trace.append(f"{asyncio.get_running_loop().time():9.3f}  {event}")

    async def run(self) -> None:
        """Run the schedule to its end; raises `InvariantViolation` or `TimeLimitError`."""
        loop = asyncio.get_running_loop()
        for _ in range(self._process_count):
            self.processes.start()
        self._begin()
        while loop.time() < CALM_AFTER:
            await self._wait(self.choices.pick(TICKS))
            self._disturb()
        if loop.time() < self.outages.ends:
            await self._wait(self.outages.ends - loop.time() + 0.001)
        self.log("all faults end")
        await self._end_faults()
        await self._rest()
        if self.environment.leases is not None:
            self.processes.hand_over()
            await self._rest()
        # Late events and writes may still arrive; they must not start anything.
        await self._wait(self.settling)
        self._check()

    def _begin(self) -> None:
        self.users.begin()

    async def _end_faults(self) -> None:
        """End what does not end by itself."""
        for process in self.processes.present:
            process.relist()

    async def _wait(self, seconds: float) -> None:
        """Let time pass; raises `InvariantViolation` at once, and `TimeLimitError`."""
        loop = asyncio.get_running_loop()
        ends = loop.time() + seconds
        self._pause = loop.create_future()
        timer = loop.call_at(min(ends, self._time_limit), _wake, self._pause)
        await self._pause
        timer.cancel()
        self._raise()
        if ends > self._time_limit:
            raise TimeLimitError

    async def _rest(self) -> None:
        """Wait until every notification has ended and no process keeps anything."""
        loop = asyncio.get_running_loop()
        end = loop.time() + self.longest
        while not (self._at_rest() or self.violation):
            require(
                loop.time() < end,
                f"no rest: {[process.leftovers() for process in self.processes]}, {self.cluster.objects}",
            )
            await self._wait(self.rest_interval)
        self._raise()

    def _check(self) -> None:
        self.invariants.end([parse(self.cluster.read(name)) for name in self.cluster.objects])
        self.processes.check()
        if self.audit_log is not None:
            self.invariants.audited(self.audit_log)

    def fail(self, violation: str) -> None:
        """Record an error that would otherwise be swallowed."""
        self.end(violation)
        if self._pause is not None:
            _wake(self._pause)

    def end(self, violation: str = "") -> None:
        """Record how and when the schedule ended, unless an invariant was violated before."""
        if not self.violation:
            if violation:
                self.log(f"VIOLATION: {violation}")
            self.violation = violation
            self.choices_used, self.seconds = self.choices.used, asyncio.get_running_loop().time()

    async def close(self) -> None:
        """End everything that still runs."""
        processes = list(self.processes)
        for process in processes:
            process.kill()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(
            *self._tasks, *(process.ended() for process in processes), return_exceptions=True
        )

    def _disturb(self) -> None:
        disturbances: tuple[Callable[[], None], ...] = (
            lambda: None,
            self.rare_faults.begin,
            self.processes.kill,
            self.processes.stop,
            self.processes.disconnect,
            self.processes.relist,
            self.processes.block_watch,
            self.users.write_as_foreigner,
            self.users.label,
            self.users.delete,
            self.users.recreate,
        )
        self.choices.pick(disturbances)()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work, context=self._context)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _at_rest(self) -> bool:
        self.processes.calm()
        # Also of a replica that works on no shard: its audit events may still wait for the store.
        idle = not any(process.leftovers() for process in self.processes.present)
        return self.processes.cover and idle and not self._tasks and self._all_final()

    def _all_final(self) -> bool:
        return all("completionTime" in self.cluster.read(name)["status"] for name in self.cluster.objects)

    def _find(self, uid: str) -> Notification | None:
        name = self.cluster.names.get(uid)
        if name is None or name not in self.cluster.objects:
            return None
        obj = self.cluster.read(name)
        return parse(obj) if obj["metadata"]["uid"] == uid else None

    def _called(self, call: Any, reconciliation: Any) -> None:
        self.log(f"{call.who}: calls {call.id}")
        owner = self.processes.owner(call.uid)
        if owner is not None:
            require(owner.name == call.who, f"{call.id} is called although {owner.name} leads")
        caller = self.processes.named(call.who)
        require(not caller.stopping, f"{call.id} is called by a process that stops")
        require(
            caller.works_on(call.uid), f"{call.id} is called by a process that has lost or releases its shard"
        )
        self.invariants.call(call, reconciliation)

    def _written(self, before: dict[str, Any], after: dict[str, Any], who: str) -> None:
        name, phase = after["metadata"]["name"], after["status"]["phase"]
        self.log(f"{who}: writes {name}: {phase}, {attempts_of(after)}")
        self._guarded(self.invariants.write)(before, after, who)

    def _guarded(self, check: Callable[..., None]) -> Callable[..., None]:
        """Record a violation, because the operator would treat it as the error of a call."""

        def run(*args: object) -> None:
            try:
                check(*args)
            except InvariantViolation as violation:
                self.fail(str(violation))

        return run

    def _count_of_shards(self) -> int:
        """Return the number of shards of a process that starts now: a rollout may change it."""
        return self.choices.pick((self._shards, 1, 2)) if self._mixed else self._shards

    def _raise(self) -> None:
        if self.violation:
            raise InvariantViolation(self.violation)


def _wake(pause: asyncio.Future[None]) -> None:
    if not pause.done():
        pause.set_result(None)
