"""Leases: stored, as values, as this process observes them, as a candidate for holding them, and as members.

Clocks of different machines are never compared: a Lease counts as held until it has not changed, on the clock of
the observer, for the duration that its holder promised.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from notification_contract import names
from notification_domain.json_values import format_time
from notification_runtime.kube.requests import KubeError, call

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
    from datetime import datetime

    from kubernetes.aio.client import ApiClient

DEFAULT_SECONDS = 15
"""Seconds after which a silent holder is given up if its Lease names no duration."""
MEMBER = "-member-"
"""Between the name of the first shard's Lease and the digest of the identity, in the name of a member Lease."""
STALE_AFTER = 3
"""Lease durations after which the member Lease of a dead replica is deleted."""
LABELS = {"app.kubernetes.io/name": "notification-operator", "app.kubernetes.io/component": "leases"}


class KubeLeases:
    """Lists and writes the Leases of one namespace, as JSON; an update or a deletion names the resourceVersion that it was decided on."""

    def __init__(self, client: ApiClient, namespace: str) -> None:
        self._client = client
        self._path = f"/apis/coordination.k8s.io/v1/namespaces/{quote(namespace, safe='')}/leases"

    async def list(self) -> Sequence[dict[str, Any]]:
        """Return all Leases, read past every cache."""
        items: Sequence[dict[str, Any]] = (await call(self._client, "GET", self._path))["items"]
        return items

    async def create(self, lease: Mapping[str, Any]) -> dict[str, Any]:
        """Store a new Lease and return it as stored."""
        return await call(self._client, "POST", self._path, body=lease)

    async def replace(self, lease: Mapping[str, Any]) -> dict[str, Any]:
        """Update a Lease and return it as stored."""
        return await call(self._client, "PUT", self._lease_path(lease), body=lease)

    async def delete(self, lease: Mapping[str, Any]) -> None:
        """Delete a Lease."""
        preconditions = {"resourceVersion": lease["metadata"]["resourceVersion"]}
        body = {"preconditions": preconditions}
        await call(self._client, "DELETE", self._lease_path(lease), body=body)

    def _lease_path(self, lease: Mapping[str, Any]) -> str:
        return f"{self._path}/{quote(lease['metadata']['name'], safe='')}"


@dataclass(frozen=True, slots=True)
class Lease:
    """A Lease as JSON; unknown fields are kept."""

    body: dict[str, Any]

    @property
    def name(self) -> str:
        return str(self.body["metadata"]["name"])

    @property
    def version(self) -> str:
        """The resourceVersion; empty before the Lease is stored."""
        return str(self.body["metadata"].get("resourceVersion", ""))

    @property
    def holder(self) -> str:
        """The holder's identity; empty if no process holds the Lease."""
        return str(self.body["spec"].get("holderIdentity") or "")

    @property
    def seconds(self) -> int:
        """Seconds after which a silent holder is given up."""
        return int(self.body["spec"].get("leaseDurationSeconds") or DEFAULT_SECONDS)

    @property
    def shards(self) -> int:
        """The number of shards of the holder; 1 if the annotation is missing, 0 if it is not a number."""
        text = (self.body["metadata"].get("annotations") or {}).get(names.SHARDS_ANNOTATION, "1")
        return int(text) if text.isdecimal() else 0

    def acquired(self, config: LeaseConfig, *, now: datetime) -> Lease:
        """Return the Lease as acquired or renewed by this process."""
        time = format_time(now)
        spec = {**self.body["spec"], "renewTime": time, "leaseDurationSeconds": config.seconds}
        if self.holder != config.identity:
            transitions = spec.get("leaseTransitions")
            spec |= {
                "holderIdentity": config.identity,
                "acquireTime": time,
                "leaseTransitions": 0 if transitions is None else transitions + 1,
            }
        meta = self.body["metadata"]
        annotations = {**(meta.get("annotations") or {}), names.SHARDS_ANNOTATION: str(config.shards)}
        labels = {**(meta.get("labels") or {}), **LABELS}
        return Lease(
            {**self.body, "metadata": {**meta, "annotations": annotations, "labels": labels}, "spec": spec}
        )

    def released(self) -> Lease:
        """Return the Lease without a holder."""
        return Lease({**self.body, "spec": {**self.body["spec"], "holderIdentity": ""}})


def new_lease(name: str) -> Lease:
    """Return a Lease that is not stored yet."""
    kind = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease"}
    return Lease({**kind, "metadata": {"name": name}, "spec": {}})


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseConfig:
    """How this process holds Leases."""

    identity: str
    seconds: int
    """Seconds after which other processes give up this one when it is silent."""
    shards: int


class ObservedLease:
    """A Lease as this process observes it.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, name: str, clock: Callable[[], float]) -> None:
        self.name = name
        self.lease: Lease | None = None
        self._clock = clock
        self._changed_at = 0.0
        """When the Lease was last observed to change."""
        self._observed_at = 0.0

    @property
    def age(self) -> float:
        """Seconds since the Lease was last observed to change."""
        return self._clock() - self._changed_at

    @property
    def live(self) -> bool:
        """Whether a process holds the Lease, as far as this one can observe."""
        return self.lease is not None and bool(self.lease.holder) and self.age < self.lease.seconds

    def observe(self, lease: Lease | None) -> None:
        """Take in the Lease as it is now; None if it does not exist.

        Time in which the API server was away for everybody is not counted against the holder: after an observation
        gap longer than the Lease, its duration begins again, so that a live holder renews it first.
        """
        now = self._clock()
        changed = lease is not None and (self.lease is None or lease.version != self.lease.version)
        unobserved = self.lease is not None and now - self._observed_at > self.lease.seconds
        if changed or unobserved:
            self._changed_at = now
        self._observed_at = now
        self.lease = lease


class LeaseCandidate(ObservedLease):
    """A Lease that this process competes for.

    Args:
        margin: seconds before the end of the promised duration at which an unrenewed Lease is given up.
        clock: monotonic seconds.
        now: the wall-clock time that is written into the Lease.
    """

    def __init__(  # noqa: PLR0913 - a store, a configuration and two clocks
        self,
        store: KubeLeases,
        name: str,
        *,
        config: LeaseConfig,
        margin: float,
        clock: Callable[[], float],
        now: Callable[[], datetime],
    ) -> None:
        super().__init__(name, clock)
        self._store = store
        self._config = config
        self._margin = margin
        self._now = now
        self._renewed_at = 0.0
        self.acquisitions = 0
        """How often this process has acquired the Lease; between two times, another one may have held it."""
        self.held = False
        """Whether this process holds the Lease."""
        self.confirmed = False
        """Whether no process with another number of shards was observed since the Lease is held."""
        self.leaving = False
        """Whether the Lease is released as soon as nothing of its shard is running."""
        self.drained = False
        """Whether the latest release came after nothing of the shard was running."""

    @property
    def owned(self) -> bool:
        """Whether this process owns the shard; False after a long suspension of the process."""
        return self.confirmed and self._clock() - self._renewed_at < self._config.seconds

    @property
    def working(self) -> bool:
        """Whether this process works on the shard."""
        return self.owned and not self.leaving

    @property
    def holder(self) -> str | None:
        """The holder's identity, as far as this process can observe."""
        return self.lease.holder if self.lease is not None and (self.held or self.live) else None

    @property
    def is_stale_holder(self) -> bool:
        """Whether the Lease names this process as its holder although the process gave it up."""
        return not self.held and self.lease is not None and self.lease.holder == self._config.identity

    @property
    def available(self) -> bool:
        """Whether the Lease may be acquired."""
        return not self.held and (not self.live or self.is_stale_holder)

    def observe(self, lease: Lease | None) -> None:
        """See `ObservedLease.observe`; a Lease that another process holds now is lost."""
        super().observe(lease)
        if self.held and (lease is None or lease.holder != self._config.identity):
            self.lose()

    @property
    def seconds_to_renew(self) -> float:
        """Seconds until the renew deadline, at which an unrenewed Lease is given up."""
        return self._renewed_at + self._config.seconds - self._margin - self._clock()

    def give_up_if_late(self) -> None:
        """Give the Lease up if it was not renewed before the renew deadline."""
        if self.held and self.seconds_to_renew <= 0:
            self.lose()

    def lose(self) -> None:
        """Stop holding the Lease."""
        self.held = self.confirmed = self.leaving = False

    async def acquire(self) -> None:
        """Acquire the Lease, unless it has changed since it was observed."""
        began = self._clock()
        acquired = (self.lease or new_lease(self.name)).acquired(self._config, now=self._now())
        try:
            store = self._store.replace if self.lease else self._store.create
            self.lease = Lease(await store(acquired.body))
        except KubeError as error:
            if not (error.not_found or error.conflict):
                raise
        else:
            self.held, self.drained, self._renewed_at = True, False, began
            self.acquisitions += 1

    async def renew(self) -> bool:
        """Renew the Lease by its last known version; return False if it has changed since."""
        assert self.lease is not None
        began = self._clock()
        renewed = self.lease.acquired(self._config, now=self._now())
        try:
            self.lease = Lease(await self._store.replace(renewed.body))
        except KubeError as error:
            if not (error.not_found or error.conflict):
                raise
            return False
        self._renewed_at = began
        return True

    async def release(self) -> None:
        """Release the Lease, so that no process has to wait for it; it is not held from the first moment on."""
        self.lose()
        if self.lease is not None:
            self.lease = Lease(await self._store.replace(self.lease.released().body))


class Members:
    """The replicas as their member Leases show them, and the Leases of shards that exist with other numbers of shards only.

    Args:
        name: the Lease of the first shard, and the prefix of the other Leases.
        own: the member Lease of this replica.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        store: KubeLeases,
        name: str,
        own: LeaseCandidate,
        *,
        config: LeaseConfig,
        clock: Callable[[], float],
    ) -> None:
        self.own = own
        self._store = store
        self._shard_name = re.compile(rf"{re.escape(name)}(-shard-\d+)?")
        self._member_prefix = f"{name}{MEMBER}"
        self._config = config
        self._clock = clock
        self._shards: Mapping[str, ObservedLease] = {}
        """Leases of shards that this replica does not compete for."""
        self._members: Mapping[str, ObservedLease] = {}

    def observe(self, leases: Mapping[str, Lease]) -> None:
        """Take in the Leases as they are now, without the ones that this replica competes for."""
        shards = {name: each for name, each in leases.items() if self._shard_name.fullmatch(name)}
        members = {name: each for name, each in leases.items() if name.startswith(self._member_prefix)}
        self._shards = self._observed(self._shards, shards)
        self._members = self._observed(self._members, members)

    def shard_counts(self, candidates: Iterable[ObservedLease]) -> set[int]:
        """Return the numbers of shards that replicas work with, or are about to."""
        observed = (*candidates, *self._shards.values())
        return {each.lease.shards for each in observed if each.lease is not None and each.live}

    def identities(self) -> set[str]:
        """Return the live replicas with the number of shards of this one."""
        live = [each.lease for each in self._members.values() if each.lease is not None and each.live]
        return {lease.holder for lease in live if lease.shards == self._config.shards}

    async def keep(self) -> None:
        """Renew the own member Lease, or acquire it.

        Raises:
            KubeError: it cannot be written.
        """
        if self.own.held:
            await self.own.renew()
        else:
            await self.own.acquire()

    async def leave(self) -> None:
        """Delete the own member Lease, so that the others share the work at once.

        Raises:
            KubeError: it cannot be deleted.
        """
        lease = self.own.lease
        if lease is not None and lease.holder == self._config.identity:
            self.own.lose()
            await self._delete(lease)
            self.own.lease = None

    def stale_cleanup(self) -> Iterable[Coroutine[None, None, None]]:
        """Yield the deletion of each member Lease that has not changed for long."""
        for each in self._members.values():
            if each.lease is not None and each.age > STALE_AFTER * self._config.seconds:
                yield self._delete(each.lease)

    async def _delete(self, lease: Lease) -> None:
        try:
            await self._store.delete(lease.body)
        except KubeError as error:
            if not (error.not_found or error.conflict):
                raise

    def _observed(
        self, known: Mapping[str, ObservedLease], leases: Mapping[str, Lease]
    ) -> Mapping[str, ObservedLease]:
        observed = {name: known.get(name) or ObservedLease(name, self._clock) for name in leases}
        for name, lease in leases.items():
            observed[name].observe(lease)
        return observed
