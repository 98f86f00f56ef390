"""The elector: decides which shards this replica works on, by holding and renewing their Leases.

A holder that cannot renew stops working well before the promised duration ends; an orderly shutdown releases its
Leases at once (DD-SHARD-001).
"""

from __future__ import annotations

import asyncio
import hashlib
import math
from typing import TYPE_CHECKING, TypeVar

import structlog

from notification_domain.key import assign_shards, shard_of
from notification_runtime.kube.requests import KubeError
from notification_runtime.leadership.lease import MEMBER, Lease, LeaseCandidate, Members
from notification_runtime.telemetry.gauges import ElectorStatistics

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
    from datetime import datetime

    from notification_runtime.leadership.lease import KubeLeases, LeaseConfig

logger = structlog.get_logger(__name__)

T = TypeVar("T")

RENEWALS = 6
"""Renewals per Lease duration; a holder may miss a few of them."""
CALL_PERIODS = 2
"""Periods after which a call is abandoned: half of the renew deadline, so that one hanging call loses no Lease."""
DRAIN_INTERVAL = 0.5
"""Seconds between two checks whether a shard can be released."""
BACKOFF_ROUNDS = 3
"""Rounds without acquisitions after a replica has seen that another one with a greater number of shards holds a Lease."""
FAILURES = (KubeError, TimeoutError)
"""Failures of a round: a call failed, or took too long."""


class Elector:
    """Competes for the Leases of all shards.

    With one shard, its Lease decides which replica works. With several, each replica also keeps a member Lease
    that shows the others that it is alive: a hint for the assignment of shards, and nothing more.

    A replica whose watches are closed for longer than a Lease is blind: it releases its shards in order, and acquires
    none until its watches are open again, so that a replica that sees the notifications works on them.

    Args:
        name: the Lease of the first shard, and the prefix of the other Leases.
        clock: monotonic seconds.
        now: the wall-clock time that is written into Leases.
        observers: called with the statistics when the shards of this replica have changed.
    """

    def __init__(  # noqa: PLR0913 - a store, a configuration and two clocks
        self,
        store: KubeLeases,
        *,
        name: str,
        config: LeaseConfig,
        clock: Callable[[], float],
        now: Callable[[], datetime],
        observers: Sequence[Callable[[ElectorStatistics], None]] = (),
    ) -> None:
        self._store = store
        self._config = config
        self._clock = clock
        self._now = now
        self._observers = observers
        self._drained: Callable[[int], bool] = lambda _shard: False
        self._on_change: Callable[[], None] = lambda: None
        own = hashlib.sha256(config.identity.encode()).hexdigest()[:10]
        self._candidates = [
            self._candidate(name if number == 0 else f"{name}-shard-{number}")
            for number in range(config.shards)
        ]
        member = self._candidate(f"{name}{MEMBER}{own}")
        self._members = Members(store, name, member, config=config, clock=clock)
        self._reported = ((0, False),) * config.shards
        """As which acquisition each shard was worked on, 0 for none, and whether it was leaving, at the latest report."""
        self._refused: set[int] = set()
        """The shards of which an object was refused, because this replica does not work on them."""
        self._shutting_down = False
        self._blind = False
        self._backoff_rounds = 0
        """Rounds for which this replica still acquires nothing."""

    def statistics(self) -> ElectorStatistics:
        numbered = tuple(enumerate(self._candidates))
        return ElectorStatistics(
            shards=self.shards,
            working=frozenset(number for number, each in numbered if each.working),
            owned=frozenset(number for number, each in numbered if each.owned),
            released=frozenset(number for number, each in numbered if each.drained and not each.owned),
            acquisitions=tuple(each.acquisitions for each in self._candidates),
        )

    @property
    def period(self) -> float:
        """Seconds between two renewals, and between two observations of a standby."""
        return self._config.seconds / RENEWALS

    @property
    def shards(self) -> int:
        return self._config.shards

    def works_on(self, shard_key: str) -> bool:
        """Return whether this replica works on an object now, and remember a refusal."""
        shard = shard_of(shard_key, self.shards)
        works = self._candidates[shard].working
        if not works:
            self._refused.add(shard)
        return works

    def acquisitions(self, shard_key: str) -> int:
        """Return how often this replica has acquired an object's shard."""
        return self._candidates[shard_of(shard_key, self.shards)].acquisitions

    def is_leaving(self, shard_key: str) -> bool:
        """Return whether an object's shard is released once nothing of it is running."""
        candidate = self._candidates[shard_of(shard_key, self.shards)]
        return candidate.owned and candidate.leaving

    def begin_shutdown(self) -> None:
        """Release shard by shard from now on, if there are several."""
        self._shutting_down = True

    async def run(
        self,
        *,
        closed_seconds: Callable[[], float],
        drained: Callable[[int], bool],
        on_change: Callable[[], None],
    ) -> None:
        """Compete until cancelled.

        Args:
            closed_seconds: returns for how long notifications may have gone unnoticed; 0 while every watch is open.
            drained: returns whether nothing of a shard is running in this process.
            on_change: called when the shards of this replica have changed, and when `works_on` would answer otherwise now.
        """
        while True:
            began = self._clock()
            await self.compete(closed_seconds=closed_seconds, drained=drained, on_change=on_change)
            leaving = any(candidate.leaving for candidate in self._candidates)
            period = min(self.period, DRAIN_INTERVAL) if leaving else self.period
            # A round that took long is followed by the next one at once, and none begins after the renew deadline.
            pause = min(began + period - self._clock(), self._seconds_to_renew)
            await asyncio.sleep(max(pause, 0.0))

    async def compete(
        self,
        *,
        closed_seconds: Callable[[], float],
        drained: Callable[[int], bool],
        on_change: Callable[[], None],
    ) -> None:
        """Compete for one round: renew, observe, acquire and release."""
        self._drained, self._on_change = drained, on_change
        self._note_watches(closed_seconds())
        try:
            if not await self._renew():
                await self._limited(self.observe())
                await self._act()
        except FAILURES as error:
            logger.warning("lease not reached", error=str(error) or type(error).__name__)
        for candidate in (*self._candidates, self._members.own):
            candidate.give_up_if_late()
        self._report()

    async def release(self) -> None:
        """Release everything, so that no replica has to wait; best effort."""
        self._shutting_down = True
        for candidate in self._candidates:
            candidate.lose()
        try:
            async with asyncio.timeout(self.period):
                # A renewal that the shutdown cancelled may have been applied.
                await self.observe()
                steps = [each.release() for each in self._candidates if each.is_stale_holder]
                await _gather((self._members.leave(), *steps))
        except FAILURES as error:
            logger.warning("lease not released", error=str(error) or type(error).__name__)
        self._report()

    async def observe(self) -> None:
        """List all Leases; confirm the held ones if no replica has another number of shards."""
        held = [candidate for candidate in self._candidates if candidate.held]
        leases = {lease.name: lease for lease in map(Lease, await self._store.list())}
        for candidate in (*self._candidates, self._members.own):
            candidate.observe(leases.pop(candidate.name, None))
        self._members.observe(leases)
        if not self._other_shard_counts():
            for candidate in held:
                candidate.confirmed = candidate.held

    @property
    def _seconds_to_renew(self) -> float:
        """Seconds until the first held Lease has to be given up; infinite while none is held."""
        return min((each.seconds_to_renew for each in self._candidates if each.held), default=math.inf)

    async def _limited(self, calls: Awaitable[T]) -> T:
        """Await concurrent calls; raises `TimeoutError` when they take too long, at the latest at the renew deadline."""
        async with asyncio.timeout(min(CALL_PERIODS * self.period, self._seconds_to_renew)):
            return await calls

    def _note_watches(self, closed_seconds: float) -> None:
        blind = closed_seconds > self._config.seconds
        if blind and not self._blind:
            logger.warning(
                "watch is closed for longer than a Lease; leaving the work to other replicas",
                closed_seconds=round(closed_seconds, 1),
                hint="no action needed if the API server recovers; /readyz says what the watch waits for",
            )
        self._blind = blind

    def _candidate(self, name: str) -> LeaseCandidate:
        # The renew deadline: a holder stops a third of the Lease duration before another replica may acquire it.
        return LeaseCandidate(
            self._store,
            name,
            config=self._config,
            margin=2 * self.period,
            clock=self._clock,
            now=self._now,
        )

    async def _renew(self) -> bool:
        """Renew what is held; return whether nothing else remains to be done, as for a single shard."""
        steps = [candidate.renew() for candidate in self._candidates if candidate.held]
        renewed = await self._limited(_gather(steps))
        if self.shards == 1:
            return all(renewed) and self._candidates[0].working and not self._blind
        leaves = self._shutting_down or self._blind
        await self._limited(self._members.leave() if leaves else self._members.keep())
        return False

    def _other_shard_counts(self) -> set[int]:
        """Return the other numbers of shards that replicas work with, or are about to."""
        return self._members.shard_counts(self._candidates) - {self.shards}

    async def _act(self) -> None:
        """Acquire the available Leases that are assigned to this replica; release those assigned to others."""
        others = self._other_shard_counts()
        self._backoff_rounds = max(0, self._backoff_rounds - 1)
        self._let_greater_number_go_first()
        assigned = assign_shards([candidate.holder for candidate in self._candidates], self._present())
        steps = []
        for number, candidate in enumerate(self._candidates):
            stays = assigned[number] == self._config.identity and (candidate.confirmed or not others)
            candidate.leaving = candidate.held and not stays
            if candidate.leaving and candidate.confirmed:
                candidate.drained = self._drained(number)
            releases = candidate.leaving and (candidate.drained or not candidate.confirmed)
            if releases or (candidate.is_stale_holder and not stays):
                steps.append(candidate.release())
            elif stays and candidate.available and not self._backoff_rounds:
                steps.append(candidate.acquire())
        pairs = zip(self._candidates, self._reported, strict=True)
        if any(candidate.working and not before for candidate, (before, _) in pairs):
            # Gained shards are reported before calls that may hang. Lost shards can wait for them.
            self._report()
        cleanup = self._members.stale_cleanup() if self.shards > 1 else ()
        await self._limited(_gather((*steps, *cleanup)))
        if any(candidate.held and not candidate.confirmed for candidate in self._candidates):
            await self._limited(self.observe())
            self._let_greater_number_go_first()

    def _let_greater_number_go_first(self) -> None:
        """Acquire nothing for some rounds if a replica with a greater number of shards holds a Lease.

        Replicas with two numbers may have acquired at the same moment, and release both. If only those that have met the
        greater number waited for it, the others of the smaller number would meet it next, in turns.
        """
        if max(self._other_shard_counts(), default=0) > self.shards:
            self._backoff_rounds = BACKOFF_ROUNDS

    def _present(self) -> set[str]:
        """Return the identities of the replicas that share the work."""
        present = self._members.identities() - {self._config.identity}
        leaves = self._blind or (self._shutting_down and self.shards > 1)
        return present if leaves else present | {self._config.identity}

    def _report(self) -> None:
        """Report changed shards; admit again what was refused in a shard that this replica works on now."""
        before, self._reported = (
            self._reported,
            tuple((each.acquisitions * each.working, each.leaving) for each in self._candidates),
        )
        changed = self._reported != before
        for candidate, (worked, _), (works, _) in zip(self._candidates, before, self._reported, strict=True):
            if worked != works:
                logger.info("lease acquired" if works else "lease lost", lease=candidate.name)
        if changed:
            for observer in self._observers:
                observer(self.statistics())
        # A holder that was late, and has renewed its Lease, has lost nothing that could be reported.
        outdated = {shard for shard in self._refused if self._candidates[shard].working}
        self._refused -= outdated
        if outdated or changed:
            self._on_change()


async def _gather(steps: Iterable[Coroutine[None, None, object]]) -> list[object]:
    """Run steps concurrently, each to its end, and raise what the first failing one raised."""
    results = await asyncio.gather(*steps, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results
