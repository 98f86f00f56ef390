"""One schedule: a cluster, one or two operators, and everything that can go wrong between them."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from notification_operator.domain.breaker import Limits
from notification_operator.domain.model import Notification, parse
from tests.simulation.audit_log import AuditLog
from tests.simulation.cluster import Cluster, tries_of
from tests.simulation.ground import Ground
from tests.simulation.loop import VirtualLoop
from tests.simulation.network import LATE
from tests.simulation.processes import Processes
from tests.simulation.promises import BrokenPromise, Promises, demand
from tests.simulation.tape import Tape
from tests.simulation.users import CHANNELS, Users

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from atomic_status import StatusStore
    from tests.simulation.replica import Replica

CALM_AFTER = 40.0
"""Virtual seconds after which nothing goes wrong any more."""
LONGEST = 900.0
"""Virtual seconds within which every notification has to end once it is calm."""
TICKS = (11.0, 0.003, 0.05, 0.3, 1.0, 4.0)
"""Seconds between two acts of mischief."""


@dataclass(slots=True)
class Outcome:
    """What came of a schedule."""

    broken: str = ""
    """The promise that was broken; empty where all were kept."""
    story: list[str] = field(default_factory=list)
    choices: int = 0
    """How many bytes of the tape it took, up to the broken promise."""
    seconds: float = 0.0
    """How long it took on its own clock, up to the broken promise."""
    reads: int = 0
    writes: int = 0
    overtaken: int = 0
    """Successes that were lost in the one way that cannot be helped; see `Promises`."""


class OutOfPatienceError(Exception):
    """Nobody waits for the rest of a schedule."""


class World:
    """Makes the world that a tape describes, and lets it run."""

    def __init__(
        self, tape: Tape, store: Callable[[Replica], StatusStore] | None, *, patience: float = math.inf
    ) -> None:
        self.tape = tape
        self.story: list[str] = []
        self.broken = ""
        self.choices = 0
        self.seconds = 0.0
        self._patience = patience
        self._pause: asyncio.Future[None] | None = None
        """What `run` waits for."""
        self._chores: set[asyncio.Task[None]] = set()
        leases = tape.chance(40)
        self._shards = tape.pick((1, 4, 3)) if leases else 1
        self._replicas = 1 if not leases else 2 if self._shards == 1 else tape.pick((2, 3))
        self._mixed = leases and self._shards > 1 and tape.chance(25)
        workers = tape.pick((2, 1, 4))
        breakers = tape.chance(40)
        limits = Limits(failure_threshold=2, open_seconds=4) if breakers else Limits(failure_threshold=1000)
        self.audit_log = AuditLog() if tape.chance(25) else None
        uid = ("{}-0000" if self._shards > 1 else "uid-{}").format
        self.cluster = Cluster(on_write=self._written, uid=uid)
        self.promises = Promises(self._find, breakers=breakers)
        self.users = Users(self.cluster, tape, tell=self.tell, chore=self._chore)
        self.ground = Ground(
            cluster=self.cluster,
            tape=tape,
            tell=self.tell,
            channels=CHANNELS,
            limits=limits,
            workers=workers,
            leases={} if leases else None,
            shards=self._count_of_shards,
            audit_log=self.audit_log,
            note_call=self._guarded(self._called),
            note_pass=self._guarded(self.promises.passed),
            store=store,
        )
        self.processes = Processes(self.ground, self.promises, chore=self._chore, guarded=self._guarded)

    def tell(self, what: str) -> None:
        """Add a line to the story."""
        self.story.append(f"{asyncio.get_running_loop().time():9.3f}  {what}")

    async def run(self) -> None:
        """Run the schedule to its end; raises `BrokenPromise` or `OutOfPatienceError`."""
        loop = asyncio.get_running_loop()
        for _ in range(self._replicas):
            self.processes.start()
        self.users.begin()
        while loop.time() < CALM_AFTER:
            await self._wait(self.tape.pick(TICKS))
            self._mischief()
        self.tell("from here on nothing goes wrong")
        for replica in self.processes.present:
            replica.watch.relist()
        await self._rest()
        if self.ground.leases is not None:
            self.processes.hand_over()
            await self._rest()
        # Late events and writes may still come in; they must not wake anything.
        await self._wait(max(LATE) + 1.0)
        self._judge()

    async def _wait(self, seconds: float) -> None:
        """Let time pass; raises `BrokenPromise` at once, and `OutOfPatienceError`."""
        loop = asyncio.get_running_loop()
        ends = loop.time() + seconds
        self._pause = loop.create_future()
        timer = loop.call_at(min(ends, self._patience), _wake, self._pause)
        await self._pause
        timer.cancel()
        self._raise()
        if ends > self._patience:
            raise OutOfPatienceError

    async def _rest(self) -> None:
        """Wait until every notification has ended and nothing is kept any more."""
        loop = asyncio.get_running_loop()
        end = loop.time() + LONGEST
        while not (self._at_rest() or self.broken):
            demand(
                loop.time() < end,
                f"no rest: {[replica.leftovers() for replica in self.processes]}, {self.cluster.objects}",
            )
            await self._wait(1.0)
        self._raise()

    def _judge(self) -> None:
        self.promises.end([parse(self.cluster.read(name)) for name in self.cluster.objects])
        self.processes.judge()
        if self.audit_log is not None:
            self.promises.audited(self.audit_log)

    def fail(self, what: str) -> None:
        """Take note of an error that nobody else would hear of."""
        self.end(what)
        self.tell(f"BROKEN: {what}")
        if self._pause is not None:
            _wake(self._pause)

    def end(self, broken: str = "") -> None:
        """Take note of how the schedule ended, and where, unless a promise was broken before."""
        if not self.broken:
            self.broken = broken
            self.choices, self.seconds = self.tape.used, asyncio.get_running_loop().time()

    async def close(self) -> None:
        """End whatever still runs."""
        replicas = list(self.processes)
        for replica in replicas:
            replica.kill()
        for chore in self._chores:
            chore.cancel()
        await asyncio.gather(
            *self._chores, *(replica.ended() for replica in replicas), return_exceptions=True
        )

    def _mischief(self) -> None:
        acts: tuple[Callable[[], None], ...] = (
            lambda: None,
            lambda: None,
            self.processes.kill,
            self.processes.stop,
            self.processes.cut,
            self.processes.relist,
            self.users.write_as_foreigner,
            self.users.label,
            self.users.delete,
            self.users.recreate,
        )
        self.tape.pick(acts)()

    def _chore(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._chores.add(task)
        task.add_done_callback(self._chores.discard)

    def _at_rest(self) -> bool:
        self.processes.calm()
        idle = not any(replica.leftovers() for replica in self.processes.working)
        return self.processes.cover and idle and not self._chores and self._all_final()

    def _all_final(self) -> bool:
        return all("completionTime" in self.cluster.read(name)["status"] for name in self.cluster.objects)

    def _find(self, uid: str) -> Notification | None:
        for name in self.cluster.objects:
            obj = self.cluster.read(name)
            if obj["metadata"]["uid"] == uid:
                return parse(obj)
        return None

    def _called(self, call: Any, made: Any) -> None:
        self.tell(f"{call.who}: calls {call.id}")
        owner = self.processes.owner(call.uid)
        if owner is not None:
            demand(owner.name == call.who, f"{call.id} is called although {owner.name} leads")
        self.promises.call(call, made)

    def _written(self, before: dict[str, Any], after: dict[str, Any], who: str) -> None:
        name, phase = after["metadata"]["name"], after["status"]["phase"]
        self.tell(f"{who}: writes {name}: {phase}, {tries_of(after)}")
        self._guarded(self.promises.write)(before, after, who)

    def _guarded(self, check: Callable[..., None]) -> Callable[..., None]:
        """Remember a broken promise, since the operator would take it for an error of a call."""

        def run(*args: object) -> None:
            try:
                check(*args)
            except BrokenPromise as broken:
                self.fail(str(broken))

        return run

    def _count_of_shards(self) -> int:
        """Return by how many shards a process that starts now shares the work: a roll-out may change it."""
        return self.tape.pick((self._shards, 1, 2)) if self._mixed else self._shards

    def _raise(self) -> None:
        if self.broken:
            raise BrokenPromise(self.broken)


def _wake(pause: asyncio.Future[None]) -> None:
    if not pause.done():
        pause.set_result(None)


def run_schedule(
    data: bytes, store: Callable[[Replica], StatusStore] | None = None, *, patience: float = math.inf
) -> Outcome:
    """Run the schedule of a tape and return what came of it.

    Args:
        data: the tape; see `Tape`.
        store: makes another store than the real kind, for a replica; to show what would go wrong.
        patience: virtual seconds after which the rest does not matter any more, nor what is demanded at the end.
    """
    loop = VirtualLoop()
    try:
        return loop.run_until_complete(_outcome(World(Tape(data), store, patience=patience)))
    finally:
        loop.close()


async def _outcome(world: World) -> Outcome:
    asyncio.get_running_loop().set_exception_handler(
        lambda _loop, context: world.fail(str(context.get("exception") or context))
    )
    try:
        await world.run()
        world.end()
    except BrokenPromise as broken:
        world.end(str(broken))
    except OutOfPatienceError:
        world.end()
    finally:
        await world.close()
    return Outcome(
        broken=world.broken,
        story=world.story,
        choices=world.choices,
        seconds=world.seconds,
        reads=world.promises.reads,
        writes=world.promises.writes,
        overtaken=world.promises.overtaken,
    )
