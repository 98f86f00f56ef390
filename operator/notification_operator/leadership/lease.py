"""Leases: as the API server keeps them, as a process sees them, and as it competes for one.

Nobody compares clocks across machines: a Lease counts as held until it has not changed, on the clock of
whoever looks, for the time that its holder promised.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote

from notification_operator.domain.text.timestamps import format_time
from notification_operator.kube.errors import KubeError
from notification_operator.kube.requests import call

if TYPE_CHECKING:
    from collections.abc import Callable

    from kubernetes.aio.client import ApiClient

SHARDS = "kubernaut.ai/shards"
"""The annotation that says among how many shards the holder shares the work."""
PATIENCE = 15
"""Seconds that a holder is waited for that has promised nothing."""
LABELS = {"app.kubernetes.io/name": "notification-operator", "app.kubernetes.io/component": "leases"}


@dataclass(frozen=True, slots=True)
class Lease:
    """A Lease as JSON; what is not understood is kept as it is."""

    body: dict[str, Any]

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.body["metadata"]["name"])

    @property
    def version(self) -> str:
        """Its resourceVersion; empty before it is stored."""
        return str(self.body["metadata"].get("resourceVersion", ""))

    @property
    def holder(self) -> str:
        """Who holds it; empty for nobody."""
        return str(self.body["spec"].get("holderIdentity") or "")

    @property
    def seconds(self) -> int:
        """How long a holder that fell silent is waited for."""
        return int(self.body["spec"].get("leaseDurationSeconds") or PATIENCE)

    @property
    def shards(self) -> int:
        """Among how many shards its holder shares the work; 1 where nothing is said, 0 where nonsense is."""
        text = (self.body["metadata"].get("annotations") or {}).get(SHARDS, "1")
        return int(text) if text.isdecimal() else 0

    def held(self, terms: Terms) -> Lease:
        """Return it as it is while somebody holds it, from now on or still."""
        now = format_time(datetime.now(UTC))
        spec = {**self.body["spec"], "renewTime": now, "leaseDurationSeconds": terms.seconds}
        if self.holder != terms.identity:
            transitions = spec.get("leaseTransitions")
            spec |= {
                "holderIdentity": terms.identity,
                "acquireTime": now,
                "leaseTransitions": 0 if transitions is None else transitions + 1,
            }
        meta = self.body["metadata"]
        annotations = {**(meta.get("annotations") or {}), SHARDS: str(terms.shards)}
        labels = {**(meta.get("labels") or {}), **LABELS}
        return Lease(
            {**self.body, "metadata": {**meta, "annotations": annotations, "labels": labels}, "spec": spec}
        )

    def free(self) -> Lease:
        """Return it as it is when it has been handed back."""
        return Lease({**self.body, "spec": {**self.body["spec"], "holderIdentity": ""}})


def new_lease(name: str) -> Lease:
    """Return a Lease that nobody has stored yet."""
    kind = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease"}
    return Lease({**kind, "metadata": {"name": name}, "spec": {}})


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """On which terms a process holds Leases."""

    identity: str
    seconds: int
    """How long it is waited for when it falls silent."""
    shards: int


class LeaseStore(Protocol):
    """The Leases of one namespace. Every failure is a `KubeError`."""

    async def list(self) -> list[Lease]:
        """Return all of them as they are now, past every cache."""

    async def create(self, lease: Lease) -> Lease:
        """Store a new one."""

    async def replace(self, lease: Lease) -> Lease:
        """Store one in place of its own version."""

    async def delete(self, lease: Lease) -> None:
        """Delete one, if it is still of this version."""


class KubeLeases(LeaseStore):
    """The store over the Kubernetes API."""

    def __init__(self, client: ApiClient, namespace: str) -> None:
        self._client = client
        self._path = f"/apis/coordination.k8s.io/v1/namespaces/{quote(namespace, safe='')}/leases"

    async def list(self) -> list[Lease]:
        """See `LeaseStore.list`."""
        return [Lease(item) for item in (await call(self._client, "GET", self._path))["items"]]

    async def create(self, lease: Lease) -> Lease:
        """See `LeaseStore.create`."""
        return Lease(await call(self._client, "POST", self._path, body=lease.body))

    async def replace(self, lease: Lease) -> Lease:
        """See `LeaseStore.replace`."""
        return Lease(await call(self._client, "PUT", self._of(lease), body=lease.body))

    async def delete(self, lease: Lease) -> None:
        """See `LeaseStore.delete`."""
        conditions = {"preconditions": {"resourceVersion": lease.version}}
        await call(self._client, "DELETE", self._of(lease), body=conditions)

    def _of(self, lease: Lease) -> str:
        return f"{self._path}/{quote(lease.name, safe='')}"


class Sighting:
    """A Lease as this process has seen it."""

    def __init__(self, name: str, clock: Callable[[], float]) -> None:
        self.name = name
        self.clock = clock
        self.lease: Lease | None = None
        self._seen_at = 0.0
        """When it was last seen to change."""

    @property
    def age(self) -> float:
        """Seconds since it was last seen to change."""
        return self.clock() - self._seen_at

    @property
    def live(self) -> bool:
        """Whether somebody holds it, for all that can be seen."""
        return self.lease is not None and bool(self.lease.holder) and self.age < self.lease.seconds

    def observe(self, lease: Lease | None) -> None:
        """Take note of it as it is now; None when there is none."""
        known = self.lease.version if self.lease else ""
        if lease is not None and lease.version != known:
            self._seen_at = self.clock()
        self.lease = lease


class Claim(Sighting):
    """A Lease that this process competes for."""

    def __init__(
        self, store: LeaseStore, name: str, *, terms: Terms, margin: float, clock: Callable[[], float]
    ) -> None:
        super().__init__(name, clock)
        self._store = store
        self._terms = terms
        self._margin = margin
        """Seconds before the end of the promised time at which it is given up when it cannot be renewed."""
        self._renewed_at = 0.0
        self.held = False
        """Whether this process holds it."""
        self.confirmed = False
        """Whether it was seen, since it is held, that nobody works by another count of shards."""
        self.leaving = False
        """Whether it is to be given back as soon as nothing of its shard is under way."""

    @property
    def own(self) -> bool:
        """Whether its shard is this process's own; no longer when a process wakes up that was stopped for long."""
        return self.confirmed and self.clock() - self._renewed_at < self._terms.seconds

    @property
    def works(self) -> bool:
        """Whether this process works on its shard."""
        return self.own and not self.leaving

    @property
    def holder(self) -> str | None:
        """Who holds it, for all that can be seen."""
        return self.lease.holder if self.lease is not None and (self.held or self.live) else None

    @property
    def lingers(self) -> bool:
        """Whether it still bears the name of this process, that does not hold it any more."""
        return not self.held and self.lease is not None and self.lease.holder == self._terms.identity

    @property
    def takeable(self) -> bool:
        """Whether it may be taken."""
        return not self.held and (not self.live or self.lingers)

    def observe(self, lease: Lease | None) -> None:
        """See `Sighting.observe`; one that somebody else holds now is lost."""
        super().observe(lease)
        if self.held and (lease is None or lease.holder != self._terms.identity):
            self.lose()

    def check(self) -> None:
        """Give it up when its time would be over before it can be renewed."""
        if self.held and self.clock() - self._renewed_at + self._margin >= self._terms.seconds:
            self.lose()

    def lose(self) -> None:
        """Hold it no longer."""
        self.held = self.confirmed = self.leaving = False

    async def take(self) -> None:
        """Take it, if it is still as it was seen."""
        began = self.clock()
        wanted = (self.lease or new_lease(self.name)).held(self._terms)
        try:
            self.lease = await (self._store.replace if self.lease else self._store.create)(wanted)
        except KubeError as error:
            if not (error.conflict or error.not_found):
                raise
        else:
            self.held, self._renewed_at = True, began

    async def renew(self) -> bool:
        """Renew it by the version last known; return False when somebody has written it meanwhile."""
        assert self.lease is not None
        began = self.clock()
        try:
            self.lease = await self._store.replace(self.lease.held(self._terms))
        except KubeError as error:
            if not (error.conflict or error.not_found):
                raise
            return False
        self._renewed_at = began
        return True

    async def give_back(self) -> None:
        """Hand it back, so that nobody has to wait; it is not held any more from the first moment on."""
        self.lose()
        if self.lease is not None:
            self.lease = await self._store.replace(self.lease.free())
