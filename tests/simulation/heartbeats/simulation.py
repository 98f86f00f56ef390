"""One schedule of heartbeats: senders that live and die, and everything that can go wrong between them and a notification."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from notification_contract import names
from notification_gateway.errors import Unavailable
from tests.simulation.heartbeats.api import Api, place_of, time
from tests.simulation.heartbeats.processes import Gateway, Operator
from tests.simulation.violations import InvariantViolation, require
from tests.simulation.virtual_loop import run_virtually

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence

    from tests.simulation.choices import Choices
    from tests.simulation.heartbeats.processes import Process

EARLY: Final = 0.05
"""Seconds by which a beat is older in the status than at its sender, at most."""
TRY_SECONDS: Final = 1.0
"""A sender waits so long for an answer."""
PAUSE: Final = 0.5
"""A sender tries again after so many seconds, at another replica."""
LATE: Final = 5.0
"""Seconds after the grace within which a missing beat is reported."""
PAUSES: Final = (0.5, 2.0, 8.0, 20.0)
"""Seconds until a process that has ended is replaced."""
STEP: Final = timedelta(seconds=60)


@dataclass(slots=True, kw_only=True)
class Sender:
    """What sends the beats of a source."""

    name: str
    every: float
    grace: float
    alive: bool = True
    sent: float = 0.0
    """When it last sent a beat, whether that arrived or not."""
    heard: float = 0.0
    """When a beat was last answered."""
    reports: list[tuple[float, Mapping[str, Any]]] = field(default_factory=list)
    """When each notification about it was created, and its spec."""
    deaths: int = 0

    @property
    def events(self) -> list[str]:
        return [spec["event"] for _, spec in self.reports]


class HeartbeatSimulation:
    """Runs senders, gateways and operators; `disturb` and `run` are the schedule."""

    def __init__(self, choices: Choices, senders: Sequence[Sender], *, replicas: int = 2) -> None:
        self.choices = choices
        self.trace: list[str] = []
        self.violation = ""
        self.calm = False
        """Whether nothing goes wrong any more."""
        self.api = Api(choices=choices, log=self.log, on_created=self._created)
        self.senders = {each.name: each for each in senders}
        self.notices: list[str] = []
        self.gateways: list[Gateway] = []
        self.operators: list[Operator] = []
        self._counts: Counter[type] = Counter()
        self._tasks: list[asyncio.Task[None]] = []
        for each in senders:
            spec = {
                "type": "heartbeat",
                "heartbeat": {"every": f"{each.every:g}s", "grace": f"{each.grace:g}s"},
            }
            self.api.sources.create(place_of(each.name), spec=spec)
        for _ in range(replicas):
            self.start(Gateway)
            self.start(Operator)
        for number, each in enumerate(senders):
            self.spawn(self._send(each, delay=each.every * number / len(senders)))

    def log(self, event: str) -> None:
        self.trace.append(f"{time():9.3f}  {event}")

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.get_running_loop().create_task(work))

    def start(self, kind: type[Process]) -> None:
        """Start one more replica of the gateway or of the operator."""
        self._counts[kind] += 1
        process = kind(f"{kind.__name__.lower()} {self._counts[kind]}", self.api)
        process.network.rough = not self.calm and (kind is Gateway or self.choices.chance(50))
        self.log(f"{process.name}: starts{' on a rough network' if process.network.rough else ''}")
        (self.gateways if isinstance(process, Gateway) else self.operators).append(process)  # type: ignore[arg-type]
        process.start()  # type: ignore[attr-defined]

    async def wait(self, seconds: float) -> None:
        """Let time pass; raises the violation of an invariant."""
        end = time() + seconds
        while time() < end and not self.violation:  # noqa: ASYNC110 - simulated
            await asyncio.sleep(min(1.0, end - time()))
        if self.violation:
            raise InvariantViolation(self.violation)

    async def replace(self, process: Process, *, after: float = 0.0, kill: bool = False) -> None:
        """End a replica, in order or not, and start another one."""
        group: list[Any] = self.gateways if isinstance(process, Gateway) else self.operators
        if process not in group:
            return
        group.remove(process)
        self.log(f"{process.name}: {'is killed' if kill else 'stops'}")
        if kill:
            process.kill()
        else:
            # It may crash meanwhile, which cancels what it is doing.
            stopping = asyncio.get_running_loop().create_task(process.stop())  # type: ignore[attr-defined]
            await asyncio.gather(stopping, return_exceptions=True)
            process.kill()
        await asyncio.sleep(after)
        self.start(type(process))

    def replace_the_dead(self) -> None:
        """Start a replica for each one that has crashed."""
        for process in (*self.gateways, *self.operators):
            if process.network.dead:
                self.spawn(self.replace(process, after=self.choices.pick(PAUSES), kill=True))

    def die(self, name: str) -> None:
        """Let a sender send nothing any more."""
        sender = self.senders[name]
        sender.alive, sender.deaths = False, sender.deaths + sender.alive
        self.log(f"{name}: dies, {time() - sender.heard:.3f} s after its last beat")

    def revive(self, name: str) -> None:
        """Let it send again."""
        self.log(f"{name}: lives")
        self.senders[name].alive = True

    async def _send(self, sender: Sender, *, delay: float) -> None:
        """Send beats, and try again where no answer or no success comes."""
        due = time() + delay
        while True:
            await asyncio.sleep(max(due - time(), 0.0))
            if sender.alive:
                sender.sent = time()
                self.spawn(self._try(sender))
            due += sender.every + self.choices.pick((0.0, 0.3)) * sender.grace

    async def _try(self, sender: Sender) -> None:
        began, number = time(), self.choices.number(8)
        while time() < began + sender.grace * 0.6:
            present = [each for each in self.gateways if not each.network.dead]
            if present and await self._post(present[number % len(present)], sender.name):
                sender.heard = time()
                return
            number += 1
            await asyncio.sleep(PAUSE)

    async def _post(self, gateway: Gateway, name: str) -> bool:
        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

        async def serve() -> None:
            try:
                await gateway.beat(name)
            except Unavailable:
                answered = False
            else:
                answered = True
            if not answer.done():
                answer.set_result(answered)

        gateway.spawn(serve())
        try:
            async with asyncio.timeout(TRY_SECONDS):
                return await answer
        except TimeoutError:
            return False

    def _created(self, document: Mapping[str, Any]) -> None:
        name, spec = document["metadata"]["name"], document["spec"]
        self.log(f"created: {name} ({spec['subject']})")
        if name.startswith("missed-all-"):
            self.notices.append(name)
            return
        sender = self.senders[document["metadata"]["labels"][names.SOURCE_LABEL]]
        sender.reports.append((time(), spec))
        try:
            self._check(sender, spec)
        except InvariantViolation as violation:
            self.violation = self.violation or str(violation)

    def _check(self, sender: Sender, spec: Mapping[str, Any]) -> None:
        events = sender.events
        require(
            events == ["Trigger", "Resolve"] * (len(events) // 2) + ["Trigger"] * (len(events) % 2),
            f"{sender.name} has the events {events}",
        )
        keys = [each["dedupKey"] for _, each in sender.reports]
        require(keys[0::2][: len(keys) // 2] == keys[1::2], f"{sender.name}: a Resolve has another key")
        require(len(set(keys[0::2])) == len(keys[0::2]), f"{sender.name}: two Triggers have one key")
        if spec["event"] == "Trigger":
            silent = time() - sender.sent
            require(
                silent >= sender.every + sender.grace - EARLY,
                f"false alarm for {sender.name}, which sent a beat {silent:.3f} s ago",
            )

    def check_end(self) -> None:
        """Check what holds when everything has been calm for long enough."""
        for each in self.senders.values():
            is_open, has_begun = len(each.reports) % 2 == 1, each.heard > 0
            require(
                is_open is (has_begun and not each.alive),
                f"{each.name} is {'alive' if each.alive else 'dead'} and has the events {each.events}",
            )
            require(
                len(each.reports) <= 2 * each.deaths,
                f"{each.name} has died {each.deaths} times and has the events {each.events}",
            )

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for process in (*self.gateways, *self.operators):
            await process.end()


class Disturbances:
    """What goes wrong in a schedule."""

    def __init__(self, simulation: HeartbeatSimulation, *, sets_clocks_of_gateways: bool) -> None:
        self._simulation = simulation
        self._choices = simulation.choices
        gateway = (
            partial(self._end, simulation.gateways, kill=True),
            partial(self._end, simulation.gateways, kill=False),
            self._outage,
            partial(self._disconnect, simulation.gateways),
        )
        # A gateway whose clock is wrong, and a new operator that does not know of it: no time can be relied on then.
        operator = (
            (partial(self._set_clock, simulation.gateways),)
            if sets_clocks_of_gateways
            else (
                partial(self._end, simulation.operators, kill=True),
                partial(self._end, simulation.operators, kill=False),
            )
        )
        watch = (self._relist, self._block, partial(self._disconnect, simulation.operators))
        self._all: tuple[Callable[[], None], ...] = (
            lambda: None,
            *gateway,
            *operator,
            *watch,
            partial(self._set_clock, simulation.operators),
            self._die,
            self._revive,
        )

    def one(self) -> None:
        self._choices.pick(self._all)()

    def _end(self, group: Sequence[Process], *, kill: bool) -> None:
        if group:
            process, after = self._choices.pick(group), self._choices.pick(PAUSES)
            self._simulation.spawn(self._simulation.replace(process, after=after, kill=kill))

    def _outage(self) -> None:
        seconds = self._choices.pick((3.0, 8.0, 25.0, 70.0))
        self._simulation.log(f"the API server is away for {seconds:g} s")
        self._simulation.api.outages.api_until = time() + seconds

    def _disconnect(self, group: Sequence[Process]) -> None:
        if group:
            process, seconds = self._choices.pick(group), self._choices.pick((1.0, 5.0, 12.0, 30.0))
            self._simulation.log(f"{process.name}: is disconnected for {seconds:g} s")
            process.network.cut_until = time() + seconds

    def _set_clock(self, group: Sequence[Process]) -> None:
        if group:
            process, step = self._choices.pick(group), self._choices.pick((STEP, -STEP))
            self._simulation.log(f"{process.name}: its clock is set by {step.total_seconds():g} s")
            process.clock_offset += step

    def _relist(self) -> None:
        for each in self._simulation.operators:
            each.watches.relist()

    def _block(self) -> None:
        for each in self._simulation.operators:
            each.watches.block(self._choices.pick((5.0, 30.0)))

    def _die(self) -> None:
        if alive := [each.name for each in self._simulation.senders.values() if each.alive]:
            self._simulation.die(self._choices.pick(alive))

    def _revive(self) -> None:
        if dead := [each.name for each in self._simulation.senders.values() if not each.alive]:
            self._simulation.revive(self._choices.pick(dead))


FAULTS_END: Final = 240.0
TICKS: Final = (3.0, 1.0, 8.0, 15.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    violation: str
    trace: Sequence[str]
    reports: int = 0


def run_schedule(choices: Choices) -> Outcome:
    """Run one schedule to its end."""
    return run_virtually(_run(choices))


async def _run(choices: Choices) -> Outcome:
    senders = [
        Sender(name=f"s{number}", every=every, grace=grace)
        for number, (every, grace) in enumerate(((10.0, 5.0), (20.0, 8.0), (45.0, 20.0), (60.0, 70.0)))
    ]
    simulation = HeartbeatSimulation(choices, senders, replicas=choices.pick((2, 1)))
    disturbances = Disturbances(simulation, sets_clocks_of_gateways=choices.chance(30))
    violation = ""
    try:
        while time() < FAULTS_END:
            await simulation.wait(choices.pick(TICKS))
            disturbances.one()
            simulation.replace_the_dead()
        simulation.log("all faults end")
        simulation.calm = True
        for process in (*simulation.gateways, *simulation.operators):
            process.network.rough = False
        await simulation.wait(max(simulation.api.outages.api_seconds, 40.0))
        simulation.replace_the_dead()
        # A gateway whose clock is behind, or was, is believed: its beats are missing so much later.
        await simulation.wait(3 * (60.0 + 70.0) + 2 * STEP.total_seconds())
        simulation.check_end()
    except InvariantViolation as error:
        violation = str(error)
    finally:
        await simulation.close()
    return Outcome(
        violation=violation,
        trace=simulation.trace,
        reports=sum(len(each.reports) for each in simulation.senders.values()),
    )
