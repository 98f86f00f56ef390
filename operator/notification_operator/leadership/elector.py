"""Which shards this replica works on: those whose Leases it holds, as long as it keeps renewing them.

A holder that cannot renew stops working well before the time that it has promised is over; an orderly stop
hands back at once (DD-SHARD-001).
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from itertools import chain
from time import monotonic
from typing import TYPE_CHECKING

import structlog

from notification_operator.domain.sharding import fair, shard_of
from notification_operator.kube.errors import KubeError
from notification_operator.leadership.lease import Claim, Sighting

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable

    from notification_operator.leadership.lease import Lease, LeaseStore, Terms

logger = structlog.get_logger(__name__)

RENEWALS = 6
"""Renewals that fit into the time of a Lease; a holder may miss a few of them."""
DRAINING = 0.5
"""Seconds between two looks at whether a shard can be given back."""
BURIED = 3
"""Times of a Lease after which that of a replica that is gone is removed."""
YIELDS = 3
"""Rounds for which a replica takes nothing after it has met one that works by a greater count of shards."""
FAILURES = (KubeError, TimeoutError)
"""Failures of a round: of one call, or of all of them within a period."""


class Elector:
    """Competes for the Leases of all shards; calls `on_change` when its share has changed.

    With one shard, its Lease decides which replica works. With several, each replica also keeps a Lease of
    its own, by which the others know that it is there: a hint for who is to take what, and no more.

    Args:
        name: the Lease of the first shard; those of the others and of the replicas begin with it.
        drained: says whether nothing of a shard is under way any more.
    """

    def __init__(  # noqa: PLR0913 - the Leases, on which terms, a clock, and who has to know and to be asked
        self,
        store: LeaseStore,
        *,
        name: str,
        terms: Terms,
        on_change: Callable[[], None],
        drained: Callable[[int], bool],
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._store = store
        self._terms = terms
        self._on_change = on_change
        self._drained = drained
        self._clock = clock
        self._shard_name = re.compile(rf"{re.escape(name)}(-shard-\d+)?")
        self._member_prefix = f"{name}-member-"
        own = hashlib.sha256(terms.identity.encode()).hexdigest()[:10]
        self._claims = [
            self._claim(name if number == 0 else f"{name}-shard-{number}") for number in range(terms.shards)
        ]
        self._member = self._claim(self._member_prefix + own)
        self._strangers: dict[str, Sighting] = {}
        """Leases of shards that there are only by another count."""
        self._members: dict[str, Sighting] = {}
        self._told: tuple[tuple[bool, bool], ...] = ((False, False),) * terms.shards
        self._retiring = False
        self._yields = 0
        """For how many rounds this replica takes nothing."""

    def _claim(self, name: str) -> Claim:
        # The next look ends up to two periods from now, and must not come after another one's.
        return Claim(self._store, name, terms=self._terms, margin=2 * self.period, clock=self._clock)

    @property
    def period(self) -> float:
        """Seconds between two renewals, and between two looks of a standby."""
        return self._terms.seconds / RENEWALS

    @property
    def shards(self) -> int:
        """How many shards there are."""
        return self._terms.shards

    @property
    def working(self) -> frozenset[int]:
        """The shards that this process works on now."""
        return frozenset(number for number, claim in enumerate(self._claims) if claim.works)

    def works(self, uid: str) -> bool:
        """Return whether this process works on an object now."""
        return self._claims[shard_of(uid, self.shards)].works

    def leaves(self, uid: str) -> bool:
        """Return whether an object is of a shard that is to be given back once nothing of it is under way."""
        claim = self._claims[shard_of(uid, self.shards)]
        return claim.own and claim.leaving

    def retire(self) -> None:
        """Give back shard by shard from now on, where there are several."""
        self._retiring = True

    async def run(self) -> None:
        """Compete until cancelled."""
        while True:
            await self._round()
            leaves = any(claim.leaving for claim in self._claims)
            await asyncio.sleep(min(self.period, DRAINING) if leaves else self.period)

    async def release(self) -> None:
        """Hand everything back, so that nobody need wait; best effort."""
        steps = [claim.give_back() for claim in self._claims if claim.held]
        self._retiring = True
        try:
            async with asyncio.timeout(self.period):
                await _all((self._leave(), *steps))
        except FAILURES as error:
            logger.warning("lease not handed back", error=str(error) or type(error).__name__)
        self._tell()

    async def _round(self) -> None:
        try:
            async with asyncio.timeout(self.period):
                if not await self._renew():
                    await self._look()
                    await self._act()
        except FAILURES as error:
            logger.warning("lease not reached", error=str(error) or type(error).__name__)
        for claim in (*self._claims, self._member):
            claim.check()
        self._tell()

    async def _renew(self) -> bool:
        """Renew what is held; return whether that is all that there is to do, as it is for a single shard."""
        renewed = await _all([claim.renew() for claim in self._claims if claim.held])
        if self.shards == 1:
            return all(renewed) and self._claims[0].works
        if self._retiring:
            await self._leave()
        elif self._member.held:
            await self._member.renew()
        else:
            await self._member.take()
        return False

    async def _leave(self) -> None:
        """Remove the Lease that says that this replica is there."""
        lease = self._member.lease
        if lease is not None and lease.holder == self._terms.identity:
            self._member.lose()
            await self._remove(lease)
            self._member.lease = None

    async def _look(self) -> None:
        """See how all Leases are now; what was held before and meets no other count of shards may be worked on."""
        held = [claim for claim in self._claims if claim.held]
        found = {lease.name: lease for lease in await self._store.list()}
        for claim in (*self._claims, self._member):
            claim.observe(found.pop(claim.name, None))
        self._strangers = self._seen(self._strangers, found, self._shard_name.fullmatch)
        self._members = self._seen(self._members, found, lambda name: name.startswith(self._member_prefix))
        if not self._others_counts():
            for claim in held:
                claim.confirmed = claim.held

    def _seen(
        self, known: dict[str, Sighting], found: dict[str, Lease], chosen: Callable[[str], object]
    ) -> dict[str, Sighting]:
        seen = {}
        for name, lease in found.items():
            if chosen(name):
                seen[name] = known.get(name) or Sighting(name, self._clock)
                seen[name].observe(lease)
        return seen

    def _others_counts(self) -> set[int]:
        """Return the other counts of shards by which somebody works, or is about to."""
        seen = chain(self._claims, self._strangers.values())
        counts = {each.lease.shards for each in seen if each.lease is not None and each.live}
        return counts - {self.shards}

    async def _act(self) -> None:
        """Take what is free and falls to this replica, and give back what falls to another one."""
        others = self._others_counts()
        self._yields = max(0, self._yields - 1)
        wanted = fair([claim.holder for claim in self._claims], self._present())
        steps = []
        for number, claim in enumerate(self._claims):
            stays = wanted[number] == self._terms.identity and (claim.confirmed or not others)
            claim.leaving = claim.held and not stays
            given_back = claim.leaving and (not claim.confirmed or self._drained(number))
            if given_back or (claim.lingers and not stays):
                steps.append(claim.give_back())
            elif stays and claim.takeable and not self._yields:
                steps.append(claim.take())
        self._tell_gains()
        await _all((*steps, *self._burials()))
        if any(claim.held and not claim.confirmed for claim in self._claims):
            await self._look()
            # Both sides may have taken one at the same moment, and both give it back: the greater count is first.
            if max(self._others_counts(), default=0) > self.shards:
                self._yields = YIELDS

    def _present(self) -> set[str]:
        """Return the replicas that share the work."""
        seen = [each.lease for each in self._members.values() if each.lease is not None and each.live]
        present = {lease.holder for lease in seen if lease.shards == self.shards}
        return present if self._retiring and self.shards > 1 else present | {self._terms.identity}

    def _burials(self) -> Iterable[Coroutine[None, None, None]]:
        for each in self._members.values():
            if each.lease is not None and self.shards > 1 and each.age > BURIED * self._terms.seconds:
                yield self._remove(each.lease)

    async def _remove(self, lease: Lease) -> None:
        try:
            await self._store.delete(lease)
        except KubeError as error:
            if not (error.conflict or error.not_found):
                raise

    def _tell_gains(self) -> None:
        """Tell at once, before calls that may hang, of what is worked on from now on; what is lost can wait for them."""
        if any(claim.works and not told for claim, (told, _) in zip(self._claims, self._told, strict=True)):
            self._tell()

    def _tell(self) -> None:
        now = tuple((claim.works, claim.leaving) for claim in self._claims)
        if now == self._told:
            return
        for claim, (worked, _), (works, _) in zip(self._claims, self._told, now, strict=True):
            if worked is not works:
                logger.info("lease won" if works else "lease lost", lease=claim.name)
        self._told = now
        self._on_change()


async def _all(steps: Iterable[Coroutine[None, None, object]]) -> list[object]:
    """Take steps side by side, each to its end, and raise what the first failing one raised."""
    results = await asyncio.gather(*steps, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results
