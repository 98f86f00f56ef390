"""One schedule: a cluster, one or two operators, and everything that can go wrong between them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from notification_operator.domain.breaker import Limits
from notification_operator.domain.model import Notification, parse
from notification_operator.domain.timestamps import format_time
from tests.property.simulation.cluster import Cluster, ConflictError, MissingError
from tests.property.simulation.loop import VirtualLoop
from tests.property.simulation.promises import BrokenPromise, Promises, demand
from tests.property.simulation.replica import LEASE_SECONDS, START, Replica
from tests.property.simulation.tape import Tape

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from kubernetes.aio.client import V1Lease

    from atomic_status import StatusStore
    from notification_operator.announce.announcer import Transition

FOREIGN = "a foreign writer"
NAMES = ("a", "b", "c")
CHANNELS = ("console", "file", "slack")
CALM_AFTER = 40.0
"""Virtual seconds after which nothing goes wrong any more."""
LONGEST = 4000.0
"""Virtual seconds within which every notification has to end once it is calm."""


@dataclass(slots=True)
class Outcome:
    """What came of a schedule."""

    broken: str = ""
    """The promise that was broken; empty where all were kept."""
    story: list[str] = field(default_factory=list)
    events: int = 0
    """How many choices it took."""


class World:
    """Makes the world that a tape describes, and lets it run."""

    def __init__(self, tape: Tape, store: Callable[[Replica], StatusStore] | None) -> None:
        self.tape = tape
        self.store = store
        self.story: list[str] = []
        self.cluster = Cluster(on_write=self._written)
        self.leases: dict[str, V1Lease] | None = {} if tape.chance(30) else None
        self.workers = tape.pick((2, 1, 4))
        breakers = tape.chance(40)
        self.limits = (
            Limits(failure_threshold=2, open_seconds=4) if breakers else Limits(failure_threshold=1000)
        )
        self.promises = Promises(self._find, breakers=breakers)
        self.replicas: list[Replica] = []
        self.broken = ""
        self._starts = 0
        self._foreign = 0
        self._chores: set[asyncio.Task[None]] = set()

    def tell(self, what: str) -> None:
        """Add a line to the story."""
        self.story.append(f"{asyncio.get_running_loop().time():9.3f}  {what}")

    async def run(self) -> None:
        """Run the schedule to its end; raises `BrokenPromise`."""
        loop = asyncio.get_running_loop()
        for _ in range(2 if self.leases is not None else 1):
            self._start()
        for name in NAMES[: 1 + self.tape.number(3)]:
            self._create(name)
        while loop.time() < CALM_AFTER:
            await asyncio.sleep(self.tape.pick((0.003, 0.05, 0.3, 1.0, 4.0, 11.0)))
            self._raise()
            await self._mischief()
        self._calm()
        while not (self._at_rest() or self.broken):
            demand(
                loop.time() < LONGEST,
                f"no rest: {[r.leftovers() for r in self.replicas]}, {self.cluster.objects}",
            )
            await asyncio.sleep(1.0)
        # Late events may still come in; they must not wake anything.
        await asyncio.sleep(LEASE_SECONDS * 2.0)
        self._raise()
        self.promises.end([parse(self.cluster.read(name)) for name in self.cluster.objects])
        for replica in self.replicas:
            demand(not replica.leftovers(), f"{replica.name} keeps {replica.leftovers()}")

    def fail(self, what: str) -> None:
        """Take note of an error that nobody else would hear of."""
        self.broken = self.broken or what
        self.tell(f"BROKEN: {what}")

    async def close(self) -> None:
        """End whatever still runs."""
        replicas = list(self.replicas)
        for replica in replicas:
            replica.kill()
        for chore in self._chores:
            chore.cancel()
        await asyncio.gather(
            *self._chores, *(replica.ended() for replica in replicas), return_exceptions=True
        )

    async def _mischief(self) -> None:
        acts: tuple[Callable[[], None], ...] = (
            lambda: None,
            lambda: None,
            self._kill,
            self._relist,
            self._write_foreign,
            self._label,
            self._delete,
            self._recreate,
        )
        self.tape.pick(acts)()

    def _start(self) -> None:
        self._starts += 1
        replica = Replica(
            f"operator {self._starts}",
            cluster=self.cluster,
            leases=self.leases,
            tape=self.tape,
            channels=CHANNELS,
            limits=self.limits,
            workers=self.workers,
            note_call=self._guarded(self._called),
            note_pass=self._guarded(self.promises.passed),
            listener=_Ear(self, f"operator {self._starts}"),
            tell=self.tell,
            store=self.store,
        )
        replica.on_lead = lambda replica, leading: None if leading else self.promises.excuse(replica.name)
        self.replicas.append(replica)

    def _kill(self) -> None:
        if self.replicas:
            victim = self.replicas.pop(self.tape.number(len(self.replicas)))
            victim.kill()
            self.promises.excuse(victim.name)
            self._chore(self._restart(self.tape.pick((0.1, 2.0, 14.0))))

    async def _restart(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self._start()

    def _relist(self) -> None:
        if self.replicas:
            replica = self.tape.pick(self.replicas)
            self.tell(f"{replica.name}: its watch breaks and lists anew")
            replica.watch.relist()

    def _create(self, name: str) -> None:
        tape = self.tape
        spec = {
            "type": "simple",
            "priority": "medium",
            "subject": "subject",
            "body": "body",
            "channels": list(CHANNELS[: 1 + tape.number(3)]),
            "retryPolicy": {
                "maxAttempts": tape.pick((3, 1, 2, 4)),
                "initialBackoffSeconds": tape.pick((1, 3)),
                "backoffMultiplier": 2,
                "maxBackoffSeconds": 60,
            },
        }
        now = START + timedelta(seconds=asyncio.get_running_loop().time())
        uid = self.cluster.create(name, spec, format_time(now))
        self.tell(f"{name} is created ({uid}): {', '.join(spec['channels'])}")

    def _delete(self) -> None:
        name = self.tape.pick(NAMES)
        if name in self.cluster.objects:
            self.tell(f"{name} is deleted")
            self.cluster.delete(name)

    def _recreate(self) -> None:
        self._delete()
        name = self.tape.pick(NAMES)
        if name not in self.cluster.objects:
            self._create(name)

    def _label(self) -> None:
        name = self.tape.pick(NAMES)
        if name in self.cluster.objects:
            self._foreign += 1
            self.tell(f"{name} gets a label")
            self.cluster.label(name, str(self._foreign))

    def _write_foreign(self) -> None:
        name = self.tape.pick(NAMES)
        if name in self.cluster.objects:
            self._chore(self._write_as_foreigner(name, self.tape.pick((0.0, 0.002, 0.4))))

    async def _write_as_foreigner(self, name: str, seconds: float) -> None:
        self._foreign += 1
        value = self._foreign
        try:
            obj = self.cluster.read(name)
            await asyncio.sleep(seconds)
            obj["status"]["foreign"] = value
            self.cluster.replace_status(obj, who=FOREIGN)
        except (ConflictError, MissingError):
            return

    def _chore(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._chores.add(task)
        task.add_done_callback(self._chores.discard)

    def _calm(self) -> None:
        self.tell("from here on nothing goes wrong")
        for replica in self.replicas:
            replica.network.rough = False
            replica.watch.relist()

    def _at_rest(self) -> bool:
        for replica in self.replicas:
            replica.network.rough = False
        idle = not any(replica.leftovers() for replica in self.replicas)
        return idle and not self._chores and bool(self.replicas) and self._all_final()

    def _all_final(self) -> bool:
        return all("completionTime" in self.cluster.read(name)["status"] for name in self.cluster.objects)

    def _find(self, uid: str) -> Notification | None:
        for name in self.cluster.objects:
            obj = self.cluster.read(name)
            if obj["metadata"]["uid"] == uid:
                return parse(obj)
        return None

    def _called(self, call: Any) -> None:
        self.tell(f"{call.who}: calls {call.id}")
        self.promises.call(call)

    def _written(self, before: dict[str, Any], after: dict[str, Any], who: str) -> None:
        status = after["status"]
        tries = [f"{a['channel']} {a['attempt']} {a['status']}" for a in status.get("deliveryAttempts", ())]
        self.tell(
            f"{who}: writes {after['metadata']['name']}: {status['phase']}, {'; '.join(tries) or 'no tries'}"
        )
        self._guarded(self.promises.write)(before, after, who)

    def hear(self, transition: Transition, who: str) -> None:
        """Hear of an announcement."""
        self._guarded(self.promises.announce)(transition, who)

    def _guarded(self, check: Callable[..., None]) -> Callable[..., None]:
        """Remember a broken promise, since the operator would take it for an error of a call."""

        def run(*args: object) -> None:
            try:
                check(*args)
            except BrokenPromise as broken:
                self.fail(str(broken))

        return run

    def _raise(self) -> None:
        if self.broken:
            raise BrokenPromise(self.broken)


@dataclass(frozen=True, slots=True)
class _Ear:
    """Listens to one replica."""

    world: World
    who: str

    def tell(self, transition: Transition) -> None:
        self.world.hear(transition, self.who)


def run_schedule(data: bytes, store: Callable[[Replica], StatusStore] | None = None) -> Outcome:
    """Run the schedule of a tape and return what came of it.

    Args:
        data: the tape; see `Tape`.
        store: makes another store than the real kind, for a replica; to show what would go wrong.
    """
    loop = VirtualLoop()
    tape = Tape(data)

    async def main() -> Outcome:
        world = World(tape, store)
        loop.set_exception_handler(
            lambda _loop, context: world.fail(str(context.get("exception") or context))
        )
        try:
            await world.run()
        except BrokenPromise as broken:
            world.broken = world.broken or str(broken)
        finally:
            await world.close()
        return Outcome(broken=world.broken, story=world.story, events=tape.used)

    try:
        return loop.run_until_complete(main())
    finally:
        loop.close()
