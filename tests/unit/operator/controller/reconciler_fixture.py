"""The composition that ships around one notification in memory, with scripted channels."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from atomic_status import ObjectRef
from atomic_status.testing import MemoryStore
from notification_contract.kinds.channel_names import ReceiverType
from notification_domain.json_values import format_time
from notification_domain.key import Key
from notification_domain.rendering.job import Renderer
from notification_operator.controller.request import Request, Result
from notification_operator.controller.workqueue import WorkQueue
from notification_operator.observers.publisher import Observer
from notification_operator.ports import ReceiverPorts
from notification_operator.watch.namespaces import SelectedNamespaces
from notification_operator.wiring import build
from notification_runtime.delivery.channel import Channel, Message
from notification_runtime.kube.objects import KubeObjects
from notification_runtime.settings import Settings
from notification_runtime.telemetry.gauges import AttemptStatistics
from notification_runtime.telemetry.metrics import Metrics
from tests.simulation.null_ports import NoObjects
from tests.unit.operator.leadership.lease_fixture import Leases
from tests.unit.operator.ports import null_ports

VISIBLE_AFTER = 0.05
"""Seconds that a reconciliation waits for slow channels."""
PATIENCE = 10.0
"""The same for channels that answer at once, however busy the machine is."""
NEVER_OPENS = {"failure_threshold": 10_000}
IDLE = AttemptStatistics()


def now() -> datetime:
    return datetime.now(UTC)


class Stub(Channel):
    """A channel that takes its time and then does what its script says, call by call."""

    def __init__(self, *errors: Exception | None, seconds: float = 0.0) -> None:
        self.errors = list(errors)
        self.seconds = seconds
        self.calls: list[str] = []

    async def deliver(self, message: Message) -> None:
        self.calls.append(message.id)
        await asyncio.sleep(self.seconds)
        error = self.errors.pop(0) if self.errors else None
        if error is not None:
            raise error


def _any_slow(channels: Mapping[str, Channel]) -> bool:
    return any(each.seconds for each in channels.values() if isinstance(each, Stub))


@dataclass(slots=True, kw_only=True)
class CountedRequest(Request):
    """Counts how often a reconciliation waits without a worker."""

    waits: int = 0

    async def without_worker(self, awaitable: Awaitable[None]) -> None:
        self.waits += 1
        await awaitable


class ReconcilerFixture:
    """An operator whose reconciler the test calls itself, and one notification."""

    def __init__(
        self,
        channels: Mapping[str, Channel],
        observers: Sequence[Observer] = (),
        *,
        breaker: Mapping[str, Any] = NEVER_OPENS,
        routed: bool = False,
        elects: bool = False,
        store: MemoryStore | None = None,
        delivery: Mapping[str, Any] | None = None,
        receivers: ReceiverPorts | None = None,
        objects: KubeObjects | None = None,
        renderer: Renderer | None = None,
        addressed: Sequence[str] | None = None,
        types_elsewhere: Sequence[str] = tuple(ReceiverType),
        selects: bool = False,
        clock: Callable[[], datetime] = now,
        **spec: Any,
    ) -> None:
        self.store, self.metrics = store or MemoryStore(), Metrics()
        self.leases = Leases({})
        settings = Settings.model_validate(
            {
                "breaker": breaker,
                "delivery": {
                    "timeout_seconds": 5,
                    "visible_after_seconds": VISIBLE_AFTER if _any_slow(channels) else PATIENCE,
                    **(delivery or {}),
                },
                "leader_election": {"enabled": elects},
                "receivers": {"namespaced": True, "types_elsewhere": types_elsewhere},
                "watch": {"namespace_selector": "team=web"} if selects else {},
            }
        )
        ports = null_ports(
            store=self.store,
            channels=channels,
            leases=self.leases,
            metrics=self.metrics,
            observers=observers,
            receivers=receivers,
            objects=objects or NoObjects(),
            renderer=renderer or Renderer(),
        )
        self.operator = build(settings, ports, clock=clock)
        self._spec = {
            "type": "simple",
            "priority": "low",
            "subject": "s",
            "body": "b",
            "channels": list(([] if routed else channels) if addressed is None else addressed),
            **spec,
        }
        self.key = self.create("order-1") if store is None else self.stored("order-1")
        self.ref = ObjectRef(namespace="shop", name="order-1")
        self.waits = 0
        """How often reconciliations have waited without a worker."""

    @property
    def created(self) -> datetime:
        """The creation time of what is created next."""
        return datetime(2026, 1, 1, tzinfo=UTC)

    def create(self, name: str) -> Key:
        """Store a notification and return its key."""
        meta = {"namespace": "shop", "name": name, "creationTimestamp": format_time(self.created)}
        self.store.create(
            {
                "apiVersion": "kubernaut.ai/v1alpha1",
                "kind": "NotificationRequest",
                "metadata": meta,
                "spec": self._spec,
                "status": {"phase": "Pending"},
            }
        )
        return self.stored(name)

    def stored(self, name: str) -> Key:
        """Return the key of a stored notification."""
        obj = self.store.peek(ObjectRef(namespace="shop", name=name))
        incident = obj["spec"].get("dedupKey", "")
        return Key(namespace="shop", name=name, uid=obj["metadata"]["uid"], incident=incident)

    async def serve(self, namespace: str = "shop", *, matches: bool = True) -> None:
        """Let a namespace match the selector of the operator, or no longer."""
        namespaces = self.operator.namespaces
        assert isinstance(namespaces, SelectedNamespaces)
        namespaces.note("ADDED" if matches else "DELETED", namespace, self.operator.event_handler)

    def interfere(self, note: str) -> None:
        self.store.interfere_next(lambda: self.store.write_as_other(self.ref, note=note))

    def delete(self) -> None:
        """Delete the notification, and handle the event that says so."""
        deleted = self.store.peek(self.ref)
        self.store.delete(self.ref)
        self.operator.event_handler.handle("DELETED", deleted)

    async def reconcile(self, key: Key | None = None) -> Result:
        request = CountedRequest(key=key or self.key, queued_at=now())
        result = await self.operator.reconciler.reconcile(request)
        self.waits += request.waits
        return result

    @asynccontextmanager
    async def running_queue(self) -> AsyncIterator[WorkQueue]:
        """Let the operator's own queue call the reconciler."""
        operator = self.operator
        work = (
            operator.queue.run(operator.reconciler.reconcile, admit=operator.reconciler.admits),
            operator.routing.run(on_known=operator.ownership.on_change),
        )
        tasks = [asyncio.create_task(each) for each in work]
        try:
            yield operator.queue
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def until_requeued(self) -> None:
        """Wait until the end of an attempt has requeued the notification."""
        async with asyncio.timeout(5):
            while not self.requeued:  # noqa: ASYNC110 - the queue reports numbers, no events
                await asyncio.sleep(0.01)
        self.operator.queue.forget(self.key)

    @property
    def requeued(self) -> bool:
        """Whether the end of an attempt has requeued the notification."""
        return self.operator.queue.statistics().waiting > 0

    async def lead(self) -> None:
        """Win the Lease."""
        await self._compete()

    async def lose_leadership(self) -> None:
        """Lose the Lease to another process."""
        self.leases.take_over("notification-operator", "another operator")
        await self._compete()

    async def leave(self) -> bool:
        """Leave the work to other replicas, as with closed watches; return whether the Lease is released."""
        await self._compete(closed_seconds=3600.0)
        return bool(self.operator.ownership.statistics().released)

    async def _compete(self, *, closed_seconds: float = 0.0) -> None:
        elector, ownership = self.operator.elector, self.operator.ownership
        assert elector is not None
        for _ in range(2):
            await elector.compete(
                closed_seconds=lambda: closed_seconds,
                drained=ownership.drained,
                on_change=ownership.on_change,
            )

    @property
    def attempts(self) -> AttemptStatistics:
        return self.operator.attempts.statistics()

    @property
    def phases(self) -> list[str]:
        """The phases of all notifications, by name."""
        return [obj["status"]["phase"] for obj in self.store.objects.values()]

    @property
    def status(self) -> dict[str, Any]:
        status: dict[str, Any] = self.store.peek(self.ref)["status"]
        return status

    @property
    def conflicts(self) -> float | None:
        return self.metrics.registry.get_sample_value("kubernaut_notification_status_write_conflicts_total")

    @property
    def verbs(self) -> list[str]:
        return [verb for verb, _ in self.store.calls]
