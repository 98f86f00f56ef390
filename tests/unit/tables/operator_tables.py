"""Fills the tables of the operator."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding

from atomic_status.testing import MemoryStore
from notification_contract import bounds, names
from notification_contract.kinds.choices import LifecycleEvent
from notification_domain.key import Key
from notification_domain.model import parse
from notification_domain.receivers.catalog import ReceiverKey
from notification_operator.controller.incidents import Incidents
from notification_operator.controller.request import Result
from notification_operator.endpoints.limits import MOST_PLACES
from notification_operator.endpoints.waiting_line import WaitingLine
from notification_operator.observers.audit.store import Unavailable
from notification_operator.observers.audit.writer import MAX_BYTES, AuditWriter
from notification_operator.ports import ReceiverPorts
from notification_operator.wiring import build
from notification_runtime.delivery.http.egress_policy import EgressPolicy
from notification_runtime.delivery.sessions import MAX_PEM, Connection, Trust
from notification_runtime.fair.fair_queue import SharedRoom
from notification_runtime.kube.collection_watch import Listed
from notification_runtime.settings import Settings
from notification_runtime.telemetry.metrics import Metrics, Wait
from tests.simulation.null_ports import NoAuditStore
from tests.unit.operator.contract.kinds.specs import spec
from tests.unit.operator.controller.test_reconciler_incidents import nothing
from tests.unit.operator.domain.receivers.builders import HOME, stored_receiver
from tests.unit.operator.ports import null_ports
from tests.unit.operator.watch.collections_in_memory import Collections, InMemoryWatch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
    from contextlib import AsyncExitStack

    from notification_domain.model import Notification
    from notification_operator.controller.request import Request
    from notification_runtime.kube.collection_watch import Collection, Event

FLOOD, SHOP, NOW = "flood", "shop", 1e9
WIDE: Final = "\N{PACKAGE}"
"""Takes the most bytes of all characters."""
RECEIVERS: Final = f"/apis/{names.API_VERSION}/{names.RECEIVER_PLURAL}"
MANY: Final = 7_500
"""Receivers of one namespace: 2 GiB of the largest, which is the quota of etcd."""
BUNDLES: Final = 250
"""Certificates of one namespace in turn: more than it has receivers in force, each as large as a bundle may be."""
SECRET: Final = {"k": b64encode((WIDE + "s" * (700 * 1024)).encode()).decode()}
"""The values of a Secret, which has at most 1 MiB."""
Item = TypeVar("Item")


class Crowd(Collections):
    """Receivers of two namespaces and their Secrets, which are made when they are listed."""

    def listed(self, path: str, name: str) -> Iterator[dict[str, Any]]:
        """Yield the objects of a path."""
        if path == RECEIVERS:
            yield stored_receiver("team", namespace=SHOP, spec=spec("slack"), creationTimestamp="2021")
            for number in range(MANY // 100):
                block = spec("slack", webhookUrlSecretRef={"name": f"s{number}", "key": "k"})
                yield stored_receiver(f"s{number}", namespace=FLOOD, spec=block, creationTimestamp="2020")
            for number in range(MANY):
                name, block = f"{number:063}", largest(number)
                yield stored_receiver(name, namespace=FLOOD, spec=block, creationTimestamp="2022")
        else:
            data = {"k": b64encode(b"https://hooks.example").decode()} if SHOP in path else SECRET
            yield {"metadata": {"name": name}, "type": "Opaque", "data": data}

    def open(self, collection: Collection, keep: Callable[[Mapping[str, Any]], Item]) -> InMemoryWatch[Item]:
        """See `KubeWatches.open`."""
        return Pages(self, collection, keep)


class Pages(InMemoryWatch[Item]):
    """A watch that reads its listing in pages of one object."""

    async def changes(self) -> AsyncIterator[Event[Item]]:
        """See `CollectionWatch.changes`."""
        yield Listed(await self._listed())
        await asyncio.get_running_loop().create_future()

    async def _listed(self) -> Sequence[Item]:
        listed = []
        for each in self._collections.listed(self._path, self._name):
            await asyncio.sleep(0)
            listed.append(self._keep(each))
        return listed


def largest(number: int) -> dict[str, Any]:
    """Return a spec with the largest template."""
    body = f"{number:09}".ljust(bounds.RECEIVER_TEMPLATE, WIDE)
    return {**spec("webhook"), "template": {"inline": {"subject": "", "body": body}}}


async def come(holds: Callable[[], object]) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(100):
        while not holds():  # noqa: ASYNC110 - no event tells it
            await asyncio.sleep(0.01)


async def numbers(count: int) -> AsyncIterator[int]:
    """Count, and let the event loop run now and then."""
    for number in range(count):
        yield number
        if number % 50 == 0:
            await asyncio.sleep(0)


class Tables:
    """The composition that ships, with receivers of tenants."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack
        self._collections = Crowd()
        settings = Settings.model_validate(
            {"receivers": {"types_elsewhere": ["slack", "webhook"], "namespaced": True}}
        )
        ports = ReceiverPorts(watches=self._collections, store=MemoryStore(), home=HOME)
        self._operator = build(settings, null_ports(receivers=ports), clock=lambda: datetime.now(UTC))
        self._most = settings.queue.max_notifications

    async def receivers(self) -> bool:
        watch = self._operator.receivers
        assert watch is not None
        task = asyncio.create_task(watch.run(on_known=lambda: None))
        self._stack.callback(task.cancel)
        team, endpoints = ReceiverKey(SHOP, "team"), self._operator.endpoints
        await come(lambda: watch.catalog.known)
        usable = watch.catalog.catalog.receivers
        await come(lambda: endpoints.readiness(usable[team]).sendable)
        return len(usable) < MANY // 10

    async def notifications(self) -> bool:
        handler, backlog = self._operator.event_handler, self._operator.queue.backlog
        task = asyncio.create_task(self._operator.queue.run(wait, admit=lambda _key: True))
        self._stack.callback(task.cancel)
        handler.handle(None, notification(SHOP, 0))
        async for number in numbers(self._most * 5 // 4):
            handler.handle(None, notification(FLOOD, number))
        handler.handle(None, notification(SHOP, 1))
        return len(backlog.of(SHOP)) == 2 and len(backlog) == self._most

    async def incidents(self) -> bool:
        clock = datetime.now(UTC)
        known = Incidents(nothing, request=lambda _: None, clock=lambda: clock, seconds=lambda: 0.0)
        self._stack.callback(known.leave, Key(SHOP, "", ""))
        known.note(*event(SHOP, LifecycleEvent.TRIGGER, 0))
        async for number in numbers(20_000):
            known.note(*event(FLOOD, LifecycleEvent.TRIGGER, number))
        return bool(known.of(*event(SHOP, LifecycleEvent.RESOLVE, 1)).reached)

    async def waits(self) -> bool:
        waiting = self._operator.metrics.waiting
        waiting.put("shop", [Wait(f"{SHOP}/team", "Suspended", 0.0)])
        async for number in numbers(self._most):
            texts = (f"{FLOOD}/{target:063}" for target in range(bounds.TARGETS))
            waiting.put(f"uid-{number}", [Wait(each, "Suspended", NOW) for each in texts])
        return waiting.count(f"{SHOP}/team") == 1

    async def lines(self) -> bool:
        room = SharedRoom(MOST_PLACES)
        lines = [WaitingLine(room) for _ in range(bounds.TARGETS)]
        async for number in numbers(self._most):
            for line in lines:
                line.join(f"{FLOOD}-{number:031}", FLOOD, rank=(3, -number))
        self._stack.callback(lines.clear)
        return all(line.position(line.join("shop", SHOP, rank=(0, 0))) == 0 for line in lines)

    async def certificates(self) -> bool:
        sessions, policy = self._operator.sessions, EgressPolicy()
        self._stack.push_async_callback(sessions.close)
        bundle = certificates(BUNDLES)
        shop = Connection(policy=policy, trust=Trust(authorities=bundle[0]))
        session = await sessions.session(SHOP, shop)
        for number in range(BUNDLES):
            authorities = "".join(bundle[number:] + bundle[:number])[:MAX_PEM].rpartition("-----BEGIN")[0]
            trust = Trust(authorities=authorities)
            await sessions.session(FLOOD, Connection(policy=policy, trust=trust))
        return await sessions.session(SHOP, shop) is session and not session.closed

    async def audit(self) -> bool:
        store = Store()
        writer = AuditWriter(store, Metrics().registry, capacity=20_000, batch_size=1000, flush_seconds=1)
        writer.start()
        size = 64 * 1024
        async for _ in numbers(MAX_BYTES * 5 // 4 // size):
            writer.add(bytes(size), namespace=FLOOD)
        writer.add(b"shop", namespace=SHOP)
        store.is_away = False
        await writer.close(60)
        return store.has_shop


class Store(NoAuditStore):
    """An audit store that is away at first."""

    is_away, has_shop = True, False

    async def write(self, events: Sequence[bytes]) -> None:
        """Take the events."""
        if self.is_away:
            raise Unavailable("away")
        self.has_shop |= b"shop" in events


async def wait(request: Request) -> Result:
    """Reconcile a notification that waits for five minutes: one that waits for longer gives way to any other one."""
    return Result(requeue_after=300.0, observed_versions=frozenset({request.key.uid}))


def notification(namespace: str, number: int) -> dict[str, Any]:
    """Return a notification with the longest names, as the watch shows it."""
    uid, name = f"{namespace}-{number:031}", f"{number:0253}"
    metadata = {"namespace": namespace, "name": name, "uid": uid, "resourceVersion": f"{number}"}
    return {"metadata": metadata, "spec": {"dedupKey": f"{number:05}".ljust(bounds.DEDUP_KEY, WIDE)}}


def event(namespace: str, kind: LifecycleEvent, number: int) -> tuple[Key, Notification]:
    """Return an event that has ended, with the most targets and the longest names; five are one incident."""
    obj = notification(namespace, number)
    incident = f"{number // 5:05}".ljust(bounds.DEDUP_KEY, WIDE)
    targets = [
        {"name": f"webhook/{FLOOD}/{target:0253}", "state": "Delivered"} for target in range(bounds.TARGETS)
    ]
    spec = {"type": "simple", "subject": "s", "body": "b", "dedupKey": incident, "event": kind}
    obj |= {"spec": spec, "status": {"phase": "Sent", "targets": targets}}
    obj["metadata"]["creationTimestamp"] = "2026-03-01T12:00:00Z"
    ended = parse(obj)
    return Key(namespace, ended.name, ended.uid, incident), ended


def certificates(count: int) -> list[str]:
    """Return so many small certificates in PEM."""
    key, now = Ed25519PrivateKey.generate(), datetime.now(UTC)
    name, until, builder = x509.Name([]), now + timedelta(days=1), x509.CertificateBuilder
    certificates_ = (builder(name, name, key.public_key(), number + 1, now, until) for number in range(count))
    return [each.sign(key, None).public_bytes(Encoding.PEM).decode() for each in certificates_]
