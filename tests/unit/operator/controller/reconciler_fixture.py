"""A bench for passes: a reconciler with real floors around it, one notification in memory, and scripted channels."""

import asyncio
from collections.abc import Awaitable, Sequence
from datetime import UTC, datetime
from typing import Any

from atomic_status import ObjectRef
from atomic_status.testing import MemoryStore
from notification_operator.controller.reconciler import Reconciler
from notification_operator.controller.workqueue import Done, Key
from notification_operator.delivery.attempt_tracker import Ledger
from notification_operator.delivery.breakers import Breakers
from notification_operator.delivery.channel import Message
from notification_operator.delivery.dispatcher import Dispatcher
from notification_operator.domain.breaker import Limits
from notification_operator.domain.redaction.redactor import Redactor
from notification_operator.domain.routing.state import RoutingState
from notification_operator.observers.log import LogObserver
from notification_operator.observers.metrics import MetricsObserver
from notification_operator.observers.publisher import Observer, Publisher
from notification_operator.telemetry.metrics import Metrics

VISIBLE_AFTER = 0.05
STEADY = Limits(failure_threshold=10_000)


def now() -> datetime:
    return datetime.now(UTC)


class Stub:
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


class Bench:
    """A reconciler, its store with one notification, and its channels."""

    def __init__(
        self,
        channels: dict[str, Stub],
        observers: Sequence[Observer] = (),
        limits: Limits = STEADY,
        *,
        routed: bool = False,
        **spec: Any,
    ) -> None:
        self.store, self.ledger, self.metrics = MemoryStore(), Ledger(), Metrics()
        self.rules = RoutingState()
        figures, redactor = MetricsObserver(self.metrics), Redactor(count=self.metrics.redacted)
        fields = {
            "type": "simple",
            "priority": "low",
            "subject": "s",
            "body": "b",
            "channels": [] if routed else list(channels),
        }
        meta = {"namespace": "shop", "name": "order-1", "creationTimestamp": "2026-01-01T00:00:00Z"}
        made = self.store.create(
            {
                "apiVersion": "kubernaut.ai/v1alpha1",
                "kind": "NotificationRequest",
                "metadata": meta,
                "spec": {**fields, **spec},
                "status": {"phase": "Pending"},
            }
        )
        self.key = Key("shop", "order-1", made["metadata"]["uid"])
        self.ref = ObjectRef(namespace="shop", name="order-1")
        self.rung: list[Key] = []
        self.waits = 0
        """How often a pass has waited without a worker."""
        self.begins = True
        self._bell = asyncio.Event()
        self.reconciler = Reconciler(
            store=self.store,
            ledger=self.ledger,
            dispatcher=Dispatcher(
                channels,
                breakers=Breakers(limits, clock=now),
                timeout=5,
                concurrency=8,
                clock=now,
                mask=redactor.text,
            ),
            rules=lambda: self.rules,
            publisher=Publisher(*observers, figures, LogObserver()),
            figures=figures,
            redactor=redactor,
            ring=self._ring,
            begins=lambda _uid: self.begins,
            aside=self._aside,
            clock=now,
            visible_after=VISIBLE_AFTER,
        )

    def interfere(self, note: str) -> None:
        self.store.interfere_next(lambda: self.store.write_as_other(self.ref, note=note))

    async def run(self) -> Done:
        return await self.reconciler(self.key, datetime.now(UTC))

    async def _aside(self, _key: Key, wait: Awaitable[None]) -> None:
        self.waits += 1
        await wait

    def _ring(self, key: Key) -> None:
        self.rung.append(key)
        self._bell.set()

    async def until_rung(self) -> None:
        async with asyncio.timeout(5):
            await self._bell.wait()

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
