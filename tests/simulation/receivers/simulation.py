"""A schedule with receivers: what can go wrong anyway, and everything that their owners do."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from notification_domain.model import parse
from notification_domain.status import FINAL
from tests.simulation.receivers.api_objects import ApiObjects
from tests.simulation.receivers.far_ends import FarEnds
from tests.simulation.receivers.final_status import FinalStatuses
from tests.simulation.receivers.history import History
from tests.simulation.receivers.invariants import ReceiverInvariants
from tests.simulation.receivers.owners import ROTATION_SECONDS, Owners
from tests.simulation.receivers.ports import ReceiverEnds
from tests.simulation.receivers.specs import BY_PLACE
from tests.simulation.receivers.status_invariants import ReceiverStatusInvariants
from tests.simulation.receivers.users import ReceiverUsers
from tests.simulation.simulation import Simulation
from tests.simulation.violations import require

if TYPE_CHECKING:
    from collections.abc import Sequence

    from notification_domain.model import Attempt
    from tests.simulation.invariants import Invariants
    from tests.simulation.receivers.seen import Seen
    from tests.simulation.receivers.status_store import StatusReconciliation
    from tests.simulation.users import Users

SETTLED_SECONDS: Final = 150.0
"""After this time without faults only what is held is open."""
HELD_SECONDS: Final = 960.0
"""Longer than the time after which a held notification is looked at again."""
MOST_READS_PER_MINUTE: Final = 8.0
"""For one held target: the circuit breaker of the schedules probes every 8 s at most."""
BLOCKS: Final = (3.0, 12.0, 30.0)
LAGS: Final = (2.0, 8.0)


class ReceiverSimulation(Simulation):
    """Runs the schedule that the choices describe."""

    longest = 600.0
    """Shorter than the time after which a held notification is looked at again: a change must be noticed before."""
    more_settings = (("receivers", "namespaced", True),)
    settling = 50.0
    """Longer than the time between two writes of a receiver's status."""
    invariants: ReceiverInvariants

    def _prepare(self) -> None:
        self.history = History()
        uid = "{}-receiver".format if self._shards > 1 else "receiver-{}".format
        self.objects = ApiObjects(uid=uid, followers=[self.history.take])
        self.far_ends = FarEnds()
        self.owners = Owners(self.objects, self.far_ends, self.choices, log=self.log, spawn=self._spawn)
        self.statuses = ReceiverStatusInvariants(changes=lambda who: self.processes.shard_changes[who])

    def _invariants(self, *, breakers: bool) -> Invariants:
        del breakers
        return ReceiverInvariants(
            self._find,
            seen=self._seen,
            finished=self._finished,
            clock=self._clock,
            history=self.history,
        )

    def _receivers(self) -> ReceiverEnds | None:
        return ReceiverEnds(
            objects=self.objects,
            far_ends=self.far_ends,
            on_write=self._status_written,
            on_reconciled=self._guarded(self.statuses.reconciled),
        )

    def _users(self) -> Users:
        return ReceiverUsers(self.cluster, self.choices, log=self.log, spawn=self._spawn)

    def _begin(self) -> None:
        self.owners.begin()
        self.history.begin(BY_PLACE)
        super()._begin()

    def _disturb(self) -> None:
        match self.choices.number(5):
            case 0 | 1:
                super()._disturb()
            case 2 | 3:
                self.owners.disturb()
            case _:
                self._disturb_watches()

    def _disturb_watches(self) -> None:
        """Break or delay the watches of receivers of one process."""
        if not self.processes.present:
            return
        process = self.choices.pick(self.processes.present)
        assert process.receivers is not None
        seconds = self.choices.pick(BLOCKS)
        if self.choices.chance(50):
            lag = self.choices.pick(LAGS)
            self.log(f"{process.name}: its watches of receivers lag by {lag:g} s for {seconds:g} s")
            process.receivers.watches.delay(lag, seconds)
        else:
            self.log(f"{process.name}: its watches of receivers are refused for {seconds:g} s")
            process.receivers.watches.block(seconds)

    async def _end_faults(self) -> None:
        """End all faults; some receivers may stay as they are for a while."""
        await super()._end_faults()
        self.processes.calm()
        await self._wait(max(ROTATION_SECONDS) + 0.1)
        if self.choices.chance(25):
            self.owners.restore_none()
            await self._watch_held()
        self.owners.restore(resume=True)
        if any("notBefore" in self.cluster.read(name)["spec"] for name in self.cluster.objects):
            # Nobody waits for a time by a clock that is a day behind.
            self.processes.mend_clocks()
        self.log("all receivers are ready")

    async def _watch_held(self) -> None:
        """Let what is held wait, and check that it costs little and needs nobody."""
        self.log("some receivers stay as they are")
        self.invariants.most_reads += self._most_reads(SETTLED_SECONDS)
        await self._wait(SETTLED_SECONDS)
        before, most = self.invariants.reads, self._most_reads(HELD_SECONDS)
        if not most:
            return
        self.invariants.most_reads += most
        await self._wait(HELD_SECONDS)
        reads = self.invariants.reads - before
        require(reads <= most, f"held notifications are read {reads} times, although {most} are enough")

    def _most_reads(self, seconds: float) -> int:
        """Return how many reads the open targets may cost in a time."""
        notifications = [parse(self.cluster.read(name)) for name in self.cluster.objects]
        targets = sum(len(each.status.targets) + 1 for each in notifications if each.phase not in FINAL)
        return int(targets * (MOST_READS_PER_MINUTE * seconds / 60 + 1))

    def _check(self) -> None:
        super()._check()
        FinalStatuses(
            objects=self.objects,
            history=self.history,
            calls=[call for calls in self.invariants.calls.values() for call in calls],
            since=lambda who, uid: self._seen(who).since.get(uid, math.inf),
            replicas=self.processes.replicas,
            present=[process.name for process in self.processes.present],
            tests=self.owners.tests,
            clocks_agree=self.invariants.clocks_agree,
        ).check()

    def _status_written(
        self, before: dict[str, Any], after: dict[str, Any], by: StatusReconciliation
    ) -> None:
        self.log(f"{by.who}: writes the status of receiver {by.place}")
        self._guarded(self.statuses.write)(before, after, by)

    def _seen(self, who: str) -> Seen:
        receivers = self.processes.named(who).receivers
        assert receivers is not None
        return receivers.seen

    def _finished(self, who: str, uid: str) -> Sequence[Attempt]:
        return self.processes.named(who).operator.attempts.finished(uid)

    def _clock(self, who: str) -> Any:
        return self.processes.named(who).clock()
