"""Replicas that compete for Leases in one process: a clock that is set by hand, and rounds made one by one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from notification_operator.kube.errors import KubeError
from notification_operator.leadership.elector import Elector
from notification_operator.leadership.lease import Lease, LeaseStore, Terms

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

SECONDS = 12
"""Of a Lease; six rounds of two seconds."""
PERIOD = 2.0
NAME = "lease"


class Leases(LeaseStore):
    """Leases in memory, as one replica reaches them; `on_call` hears of each call before it is made."""

    def __init__(self, stored: dict[str, Lease], on_call: Callable[[], None]) -> None:
        self.stored = stored
        self._on_call = on_call
        self.calls: list[str] = []
        """Each as verb and name."""
        self.cut = False
        """Whether nothing gets through."""
        self.deaf = False
        """Whether what is written is, and no answer comes."""
        self.after: dict[str, Callable[[], Awaitable[None]]] = {}
        """By verb: what happens right after the next such call."""

    async def list(self) -> list[Lease]:
        """See `LeaseStore.list`."""
        await self._call("list")
        found = list(self.stored.values())
        await self._then("list")
        return found

    async def create(self, lease: Lease) -> Lease:
        """See `LeaseStore.create`."""
        await self._call(f"create {lease.name}")
        if lease.name in self.stored:
            raise KubeError(status=409, reason="conflict")
        return await self._put(lease, "create")

    async def replace(self, lease: Lease) -> Lease:
        """See `LeaseStore.replace`."""
        await self._call(f"replace {lease.name}")
        self._of_version(lease)
        return await self._put(lease, "replace")

    async def delete(self, lease: Lease) -> None:
        """See `LeaseStore.delete`."""
        await self._call(f"delete {lease.name}")
        self._of_version(lease)
        del self.stored[lease.name]

    async def _call(self, what: str) -> None:
        self.calls.append(what)
        self._on_call()
        await asyncio.sleep(0)
        if self.cut:
            raise KubeError(status=None, reason="cut off")

    def _of_version(self, lease: Lease) -> None:
        if lease.name not in self.stored:
            raise KubeError(status=404, reason="not found")
        if self.stored[lease.name].version != lease.version:
            raise KubeError(status=409, reason="conflict")

    async def _put(self, lease: Lease, verb: str) -> Lease:
        known = self.stored.get(lease.name)
        version = str(int(known.version) + 1) if known else "1"
        meta = {**lease.body["metadata"], "resourceVersion": version}
        self.stored[lease.name] = stored = Lease({**lease.body, "metadata": meta})
        await self._then(verb)
        if self.deaf:
            raise KubeError(status=None, reason="no answer")
        return stored

    async def _then(self, verb: str) -> None:
        after = self.after.pop(verb, None)
        if after is not None:
            await after()


class Replica:
    """One elector. `busy` are the shards that something is under way of."""

    def __init__(self, world: World, name: str, shards: int) -> None:
        self.name = name
        self.leases = Leases(world.stored, self._calls)
        self.busy: set[int] = set()
        self.changes = 0
        self.told: set[int] = set()
        """What it worked on when it was last said to have changed."""
        self.elector = Elector(
            self.leases,
            name=NAME,
            terms=Terms(identity=name, seconds=SECONDS, shards=shards),
            on_change=self._changed,
            drained=lambda shard: shard not in self.busy,
            clock=lambda: world.time,
        )

    def _changed(self) -> None:
        self.changes += 1
        self.told = self.works

    def _calls(self) -> None:
        # While a call is under way, the others of this process go by what they were told.
        assert self.works <= self.told, "works on what nobody was told of"

    @property
    def works(self) -> set[int]:
        return set(self.elector.working)

    @property
    def holds(self) -> set[int]:
        """What it works on, and what it is about to give back."""
        return {number for number, claim in enumerate(self.elector._claims) if claim.own}

    async def round(self) -> list[str]:
        """Make a round; return the calls that it made."""
        made = len(self.leases.calls)
        await self.elector._round()
        return self.leases.calls[made:]


class World:
    """What the replicas share."""

    def __init__(self) -> None:
        self.time = 100.0
        self.stored: dict[str, Lease] = {}
        self.replicas: list[Replica] = []

    def replica(self, name: str, *, shards: int = 4) -> Replica:
        """Start one."""
        made = Replica(self, name, shards)
        self.replicas.append(made)
        return made

    def replicas_of(self, *names: str, shards: int = 4) -> list[Replica]:
        """Start several."""
        return [self.replica(name, shards=shards) for name in names]

    def kill(self, replica: Replica) -> None:
        """End one as SIGKILL does."""
        self.replicas.remove(replica)

    async def stop(self, replica: Replica) -> None:
        """Stop one in good order."""
        await replica.elector.release()
        self.replicas.remove(replica)

    async def rounds(self, count: int = 1, *, of: Iterable[Replica] = ()) -> None:
        """Let some replicas, or all, make rounds, a period apart."""
        for _ in range(count):
            for replica in tuple(of) or tuple(self.replicas):
                await replica.round()
                self.judge()
            self.time += PERIOD

    def judge(self) -> None:
        """Hold that no shard is two replicas', and that all who work do so by one count."""
        working = [replica for replica in self.replicas if replica.holds]
        assert len({replica.elector.shards for replica in working}) <= 1, "two counts side by side"
        held = [shard for replica in working for shard in replica.holds]
        assert len(held) == len(set(held)), "a shard is worked on twice"

    def holder(self, name: str = NAME) -> str:
        return self.stored[name].holder


def shares(*replicas: Replica) -> list[set[int]]:
    return [replica.works for replica in replicas]
