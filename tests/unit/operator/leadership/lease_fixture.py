"""Replicas that compete for Leases in one process: the clock is set, and rounds are started, by the test."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from notification_runtime.kube.requests import KubeError
from notification_runtime.leadership.elector import Elector
from notification_runtime.leadership.lease import KubeLeases, Lease, LeaseConfig

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

SECONDS = 12
"""Duration of a Lease: six rounds of two seconds."""
PERIOD = 2.0
NAME = "lease"


class Leases(KubeLeases):
    """Leases in memory, as one replica reaches them; `on_call` is called before each call."""

    def __init__(self, stored: dict[str, dict[str, Any]], on_call: Callable[[], None] = lambda: None) -> None:
        self.stored = stored
        self._on_call = on_call
        self.calls: list[str] = []
        """Verb and name of each call."""
        self.disconnected = False
        """Whether every call fails before it arrives."""
        self.answers_lost = False
        """Whether writes take effect and their answers are lost."""
        self.after: dict[str, Callable[[], Awaitable[None]]] = {}
        """What happens right after the next call, by verb."""

    async def list(self) -> Sequence[dict[str, Any]]:
        """See `KubeLeases.list`."""
        await self._call("list")
        leases = list(self.stored.values())
        await self._then("list")
        return leases

    async def create(self, lease: Mapping[str, Any]) -> dict[str, Any]:
        """See `KubeLeases.create`."""
        name = lease["metadata"]["name"]
        await self._call(f"create {name}")
        if name in self.stored:
            raise KubeError(status=409, reason="conflict")
        return await self._put(lease, "create")

    async def replace(self, lease: Mapping[str, Any]) -> dict[str, Any]:
        """See `KubeLeases.replace`."""
        await self._call(f"replace {lease['metadata']['name']}")
        self._check_version(lease)
        return await self._put(lease, "replace")

    async def delete(self, lease: Mapping[str, Any]) -> None:
        """See `KubeLeases.delete`."""
        await self._call(f"delete {lease['metadata']['name']}")
        self._check_version(lease)
        del self.stored[lease["metadata"]["name"]]

    def take_over(self, name: str, holder: str) -> None:
        """Change the holder of a stored Lease, as another process does."""
        body = self.stored[name]
        meta = {**body["metadata"], "resourceVersion": "99"}
        self.stored[name] = {**body, "metadata": meta, "spec": {**body["spec"], "holderIdentity": holder}}

    async def _call(self, call: str) -> None:
        self.calls.append(call)
        self._on_call()
        await asyncio.sleep(0)
        if self.disconnected:
            raise KubeError(status=None, reason="disconnected")

    def _check_version(self, lease: Mapping[str, Any]) -> None:
        meta = lease["metadata"]
        if meta["name"] not in self.stored:
            raise KubeError(status=404, reason="not found")
        if self.stored[meta["name"]]["metadata"]["resourceVersion"] != meta["resourceVersion"]:
            raise KubeError(status=409, reason="conflict")

    async def _put(self, lease: Mapping[str, Any], verb: str) -> dict[str, Any]:
        name = lease["metadata"]["name"]
        known = self.stored.get(name)
        version = str(int(known["metadata"]["resourceVersion"]) + 1) if known else "1"
        meta = {**lease["metadata"], "resourceVersion": version}
        self.stored[name] = stored = {**lease, "metadata": meta}
        await self._then(verb)
        if self.answers_lost:
            raise KubeError(status=None, reason="no answer")
        return stored

    async def _then(self, verb: str) -> None:
        after = self.after.pop(verb, None)
        if after is not None:
            await after()


class Replica:
    """One elector; `busy` are the shards of which something is running."""

    def __init__(self, replicas: Replicas, name: str, shards: int) -> None:
        self.name = name
        self.leases = Leases(replicas.stored, self._check_reported)
        self.busy: set[int] = set()
        self.closed_seconds = 0.0
        """For which time its watch has been closed."""
        self.changes = 0
        self.reported: set[int] = set()
        """The shards that it worked on at the latest report of a change."""
        self.elector = Elector(
            self.leases,
            name=NAME,
            config=LeaseConfig(identity=name, seconds=SECONDS, shards=shards),
            clock=lambda: replicas.time,
            now=lambda: datetime.now(UTC),
        )

    def drained(self, shard: int) -> bool:
        return shard not in self.busy

    def _changed(self) -> None:
        self.changes += 1
        self.reported = self.works

    def _check_reported(self) -> None:
        # During a call, the other parts of this process rely on the latest report.
        assert self.works <= self.reported, "works on a shard that was not reported"

    @property
    def works(self) -> set[int]:
        return set(self.elector.statistics().working)

    @property
    def owned(self) -> set[int]:
        """The shards that it works on, and the ones that it is about to release."""
        return set(self.elector.statistics().owned)

    async def round(self, *, drained: Callable[[int], bool] | None = None) -> list[str]:
        """Compete for a round; return the calls that it made."""
        before = len(self.leases.calls)
        await self.elector.compete(
            closed_seconds=lambda: self.closed_seconds,
            drained=drained or self.drained,
            on_change=self._changed,
        )
        return self.leases.calls[before:]


class Replicas:
    """What the replicas share."""

    def __init__(self) -> None:
        self.time = 100.0
        self.stored: dict[str, dict[str, Any]] = {}
        self.running: list[Replica] = []

    def start(self, name: str, *, shards: int = 4) -> Replica:
        """Start a replica."""
        replica = Replica(self, name, shards)
        self.running.append(replica)
        return replica

    def start_all(self, *names: str, shards: int = 4) -> list[Replica]:
        """Start several replicas."""
        return [self.start(name, shards=shards) for name in names]

    def kill(self, replica: Replica) -> None:
        """End a replica as SIGKILL does."""
        self.running.remove(replica)

    async def stop(self, replica: Replica) -> None:
        """Stop a replica in order."""
        await replica.elector.release()
        self.running.remove(replica)

    async def rounds(self, count: int = 1, *, of: Iterable[Replica] = ()) -> None:
        """Let some replicas, or all, compete for rounds, a period apart."""
        for _ in range(count):
            for replica in tuple(of) or tuple(self.running):
                await replica.round()
                self.check()
            self.time += PERIOD

    def check(self) -> None:
        """Require that no shard has two owners, and that all working replicas have the same number of shards."""
        working = [replica for replica in self.running if replica.owned]
        assert len({replica.elector.shards for replica in working}) <= 1, "two numbers of shards"
        owned = [shard for replica in working for shard in replica.owned]
        assert len(owned) == len(set(owned)), "a shard has two owners"

    def lease(self, name: str = NAME) -> Lease:
        return Lease(self.stored[name])

    def leases(self) -> list[Lease]:
        return [Lease(body) for body in self.stored.values()]


def shares(*replicas: Replica) -> list[set[int]]:
    return [replica.works for replica in replicas]
