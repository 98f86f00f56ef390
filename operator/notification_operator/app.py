"""The operator put together: builds each floor once, starts it, and stops it in good order."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import structlog
from kubernetes.aio.client import ApiClient

from atomic_status import KubeStatusStore, Resource
from notification_operator.controller.reconciler import Reconciler
from notification_operator.controller.workqueue import WorkQueue
from notification_operator.delivery.attempt_tracker import Ledger
from notification_operator.delivery.breakers import Breakers
from notification_operator.domain.breaker import Limits
from notification_operator.domain.redaction.redactor import Redactor, rules
from notification_operator.kube.client import check_reachable, connect, keep_probing
from notification_operator.kube.connectivity import Connectivity
from notification_operator.kube.event_recorder import EventRecorder, own_pod
from notification_operator.kube.pagination import collection
from notification_operator.leadership.ownership import Duty
from notification_operator.observers.audit.observer import AuditObserver
from notification_operator.observers.kube_events import EventObserver
from notification_operator.observers.log import LogObserver
from notification_operator.observers.metrics import MetricsObserver
from notification_operator.observers.publisher import Publisher
from notification_operator.telemetry.gauges import publish
from notification_operator.telemetry.http_server import HealthServer
from notification_operator.telemetry.metrics import Metrics
from notification_operator.watch.event_handler import Bell
from notification_operator.watch.field_selector import open_only
from notification_operator.watch.namespaces import SelectedNamespaces
from notification_operator.wiring import dispatcher_of, elector_of, keeper_of, routing_of

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping
    from datetime import datetime

    from notification_operator.config.settings import Settings
    from notification_operator.kube.client import Cluster

RESOURCE = Resource(group="kubernaut.ai", version="v1alpha1", plural="notificationrequests")
SILENCE = 20.0
"""Seconds without any answer of the API server after which this process is no longer ready."""
LAST_STEPS = 2.0
"""Seconds of the grace time, at most a third of it, that tries under way do not get.

Half of it is for the steps after the last of them, half for the end of the process.
"""

logger = structlog.get_logger(__name__)


class Engine:
    """Everything behind the bell; made by `start`, ended by `stop`."""

    def __init__(
        self, settings: Settings, cluster: Cluster, connectivity: Connectivity, clock: Callable[[], datetime]
    ) -> None:
        self.cluster = cluster
        self.connectivity = connectivity
        self.client = ApiClient(cluster.configuration)
        self.metrics = Metrics()
        self.ledger = Ledger()
        self.namespaces = SelectedNamespaces(self.client, RESOURCE)
        self._settings = settings
        redactor = Redactor(rules(settings.sanitizer), count=self.metrics.redacted)
        self.audit = AuditObserver(settings.audit, registry=self.metrics.registry, rules=redactor.rules)
        self.breakers = Breakers(Limits(**settings.breaker.model_dump()), clock=clock)
        self.dispatcher = dispatcher_of(settings, breakers=self.breakers, mask=redactor.text, clock=clock)
        figures = MetricsObserver(self.metrics)
        pod = own_pod(cluster.namespace)
        self.poster = EventRecorder(self.client, instance=pod.name, dropped=self.metrics.events_dropped)
        self.events = EventObserver(
            record=self.poster.record,
            level=settings.events.level,
            pod=pod,
            api_version=f"{RESOURCE.group}/{RESOURCE.version}",
            clock=clock,
            redact=redactor.text,
        )
        self.breakers.on_change = self.events.breaker_changed
        self.routing = routing_of(
            settings,
            self.client,
            cluster,
            known=self._changed,
            events=self.events,
            metrics=self.metrics,
        )
        self.reconciler = Reconciler(
            store=KubeStatusStore(self.client, RESOURCE),
            ledger=self.ledger,
            dispatcher=self.dispatcher,
            rules=lambda: self.routing.state,
            publisher=Publisher(figures, LogObserver(), self.events, self.audit),
            figures=figures,
            redactor=redactor,
            ring=lambda key: self.queue.add(key),  # noqa: PLW0108 - the queue is made below, around this
            begins=lambda uid: self.duty.owns(uid),  # noqa: PLW0108 - so is this
            aside=lambda key, wait: self.queue.aside(key, wait),  # noqa: PLW0108 - so is this
            clock=clock,
            visible_after=settings.delivery.visible_after_seconds,
        )
        self.queue = WorkQueue(
            process=self.reconciler,
            starts=lambda key: self.duty.starts(key),  # noqa: PLW0108 - made below
            workers=settings.queue.workers,
            clock=clock,
        )
        selects = settings.watch.namespace_selector is not None
        serves: Callable[[str], bool] = self.namespaces.__contains__ if selects else lambda _name: True
        self.bell = Bell(
            self.queue,
            serves=serves,
            over=self._forget,
            holds=lambda uid: self.ledger.holds(uid) and self.duty.records(uid),
        )
        self.elector = elector_of(
            settings,
            self.client,
            cluster,
            on_change=self._changed,
            drained=lambda shard: self.duty.drained(shard),  # noqa: PLW0108 - made below
        )
        self.duty = Duty(
            elector=self.elector,
            ledger=self.ledger,
            queue=self.queue,
            knows_rules=lambda: self.routing.known,
        )
        self.keeper = keeper_of(
            settings,
            self.client,
            RESOURCE,
            works=lambda: self.duty.owned > 0 and not self._stopped,
            may_delete=lambda due: serves(due.ref.namespace) and self.owns(due.uid),
            deleted=self.metrics.retention_deleted,
            clock=clock,
        )
        self.health = HealthServer(
            settings.server, registry=self.metrics.registry, alive=self._alive, ready=self._ready
        )
        self.followed = ""
        """The field selector of the notifications that are watched; an empty one for all of them."""
        self._tasks: list[asyncio.Task[None]] = []
        self._stopped = False
        self.finished = asyncio.Event()
        """Set once the stop has let go of everything."""
        self.lost_events = 0
        """How many audit events the stop has lost."""

    @classmethod
    async def start(cls, settings: Settings, clock: Callable[[], datetime]) -> Engine:
        """Connect, listen, and begin to work off what the bell brings.

        Raises:
            UnreachableError: the API server cannot be reached.
            OSError: a port is taken.
        """
        connectivity = Connectivity()
        cluster = await connect(connectivity, pool=settings.queue.workers * 2)
        engine = cls(settings, cluster, connectivity, clock)
        try:
            await check_reachable(engine.client, cluster)
            await engine.follow()
            await engine.health.start()
        except BaseException:
            await engine.health.stop()
            await engine.client.close()
            raise
        engine._publish()
        engine._spawn()
        return engine

    async def follow(self) -> None:
        """Find out whether what is open can be watched alone."""
        path = collection(RESOURCE, *self._settings.watch.namespaces[:1])
        self.followed = self.namespaces.selector = await open_only(self.client, path)

    async def stop(self) -> None:
        """Take no new work, finish what is under way, and let go of everything, all within the grace time."""
        if self._stopped:
            return
        self._stopped = True
        grace = self._settings.shutdown.grace_seconds
        kept = min(LAST_STEPS, grace / 3)
        end = asyncio.get_running_loop().time() + grace
        self.reconciler.draining = True
        if self.elector:
            self.elector.retire()
        self.audit.flush()
        self._changed()
        self.queue.drop_waiting(keep=lambda key: self.ledger.holds(key.uid))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(end - kept):
                await self.ledger.drained()
        if not self.ledger.is_empty:
            logger.warning(
                "gave up on tries at stop", in_flight=self.ledger.in_flight, unsaved=self.ledger.unsaved
            )
        self.ledger.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._let_go(end - kept / 2)

    async def _let_go(self, end: float) -> None:
        """Send the last events, hand back the Lease and close the channels, side by side."""
        left = end - asyncio.get_running_loop().time()
        self.lost_events, *_ = await asyncio.gather(
            self.audit.close(left),
            self.poster.close(left),
            _within(left, self.dispatcher.close()),
            _within(left, self._release()),
        )
        await self.health.stop()
        await self.client.close()
        self.finished.set()

    async def _release(self) -> None:
        if self.elector:
            await self.elector.release()

    def _spawn(self) -> None:
        self.audit.start()
        self.poster.start()
        self._tasks.append(asyncio.create_task(self.queue.run(), name="work queue"))
        self._tasks.append(asyncio.create_task(self.routing.run(), name="routing"))
        if self.keeper:
            self._tasks.append(asyncio.create_task(self.keeper.run(), name="retention"))
        if self.elector:
            self._tasks.append(asyncio.create_task(self.elector.run(), name="elector"))
        else:
            self._tasks.append(
                asyncio.create_task(keep_probing(self.client, self.connectivity), name="pulse")
            )

    def _forget(self, uid: str) -> None:
        self.ledger.forget(uid)
        self.metrics.leave(uid)

    def owns(self, uid: str) -> bool:
        """Return whether an object is this process's to work on, and will stay so for now."""
        return self.duty.owns(uid) and not self._stopped

    def _changed(self) -> None:
        """Let the passes start that may start now; at a stop, wait for nothing that another replica does."""
        self.queue.look_again()
        if self._stopped and (lost := self.duty.abandon()):
            logger.warning("gave up on tries that another replica makes again", notifications=lost)

    def _alive(self) -> Mapping[str, bool]:
        return {task.get_name(): not task.done() for task in self._tasks}

    def _ready(self) -> Mapping[str, bool]:
        watch = self._settings.watch
        # Beside the notifications' one, or one for each namespace: the routing document's.
        watches = max(len(set(watch.namespaces)), 1) + (watch.namespace_selector is not None) + 1
        trouble = f" ({self.routing.trouble})" if self.routing.trouble else ""
        return {
            "the API server answers": self.connectivity.silence < SILENCE,
            "the watches are established": self.connectivity.open_watches >= watches,
            f"the routing document was looked for{trouble}": self.routing.known,
            "not stopping": not self._stopped,
        }

    def _publish(self) -> None:
        self.dispatcher.publish(self.metrics.add_channel_gauge)
        publish(self.metrics, queue=self.queue, ledger=self.ledger, duty=self.duty, routing=self.routing)


async def _within(seconds: float, step: Coroutine[None, None, None]) -> None:
    """Take a step, and leave it where it is when its time is over."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(max(seconds, 0.0)):
            await step
