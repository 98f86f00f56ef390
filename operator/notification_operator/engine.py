"""The operator put together: builds each floor once, starts it, and stops it in good order."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import threading
import uuid
from typing import TYPE_CHECKING

import structlog
from kubernetes.aio.client import ApiClient, CoordinationV1Api

from atomic_status import KubeStatusStore, Resource
from notification_operator.announce.announcer import Announcer
from notification_operator.announce.events import Events
from notification_operator.announce.figures import Figures
from notification_operator.announce.log_lines import LogLines
from notification_operator.audit.trail import AuditTrail
from notification_operator.bell import Bell
from notification_operator.config_map_watch import ConfigMapWatch, Place
from notification_operator.connectivity import Connectivity
from notification_operator.delivery.breaker import Breakers
from notification_operator.delivery.dispatch import Dispatcher
from notification_operator.delivery.ledger import Ledger
from notification_operator.delivery.setup import channels
from notification_operator.domain.breaker import Limits
from notification_operator.event_poster import EventPoster, own_pod
from notification_operator.health import HealthServer
from notification_operator.kube import check_answers, connect, keep_asking
from notification_operator.leases import Elector
from notification_operator.listing import collection
from notification_operator.metrics import Metrics
from notification_operator.namespaces import SelectedNamespaces
from notification_operator.phase_selectors import open_only
from notification_operator.reconcile import Reconciler
from notification_operator.retention import Keeper
from notification_operator.routing_source import RoutingSource
from notification_operator.sanitizer import Sanitizer, rules
from notification_operator.workqueue import WorkQueue

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping
    from datetime import datetime

    from notification_operator.kube import Cluster
    from notification_operator.settings import Settings

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
        sanitizer = Sanitizer(rules(settings.sanitizer), count=self.metrics.redacted)
        self.audit = AuditTrail(settings.audit, registry=self.metrics.registry, rules=sanitizer.rules)
        self.breakers = Breakers(Limits(**settings.breaker.model_dump()), clock=clock)
        self.dispatcher = Dispatcher(
            channels(settings.channels),
            breakers=self.breakers,
            timeout=settings.delivery.timeout_seconds,
            concurrency=settings.delivery.concurrency_per_channel,
            clock=clock,
            mask=sanitizer.text,
        )
        figures = Figures(self.metrics)
        pod = own_pod(cluster.namespace)
        self.poster = EventPoster(self.client, instance=pod.name, dropped=self.metrics.events_dropped)
        self.events = Events(
            post=self.poster.post,
            level=settings.events.level,
            pod=pod,
            api_version=f"{RESOURCE.group}/{RESOURCE.version}",
            clock=clock,
            mask=sanitizer.text,
        )
        self.breakers.on_change = self.events.breaker_changed
        self.routing = self._routing()
        self.reconciler = Reconciler(
            store=KubeStatusStore(self.client, RESOURCE),
            ledger=self.ledger,
            dispatcher=self.dispatcher,
            rules=lambda: self.routing.state,
            announcer=Announcer(figures, LogLines(), self.events, self.audit),
            figures=figures,
            sanitizer=sanitizer,
            ring=lambda key: self.queue.add(key),  # noqa: PLW0108 - the queue is made below, around this
            clock=clock,
            visible_after=settings.delivery.visible_after_seconds,
        )
        self.queue = WorkQueue(process=self.reconciler, workers=settings.queue.workers, clock=clock)
        selects = settings.watch.namespace_selector is not None
        serves: Callable[[str], bool] = self.namespaces.__contains__ if selects else lambda _name: True
        self.bell = Bell(
            self.queue,
            serves=serves,
            over=self.metrics.leave,
            holds=self.ledger.holds,
        )
        self.keeper = self._keeper(serves, clock)
        self.elector = self._elector() if settings.leader_election.enabled else None
        self.health = HealthServer(
            settings.server, registry=self.metrics.registry, alive=self._alive, ready=self._ready
        )
        self.followed = ""
        """The field selector of the notifications that are watched; an empty one for all of them."""
        self._tasks: list[asyncio.Task[None]] = []
        self._stopped = False
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
            await check_answers(engine.client, cluster)
            engine.followed = await open_only(
                engine.client, collection(RESOURCE, *settings.watch.namespaces[:1])
            )
            engine.namespaces.selector = engine.followed
            await engine.health.start()
        except BaseException:
            await engine.health.stop()
            await engine.client.close()
            raise
        engine._publish()
        engine._spawn()
        return engine

    async def stop(self) -> None:
        """Take no new work, finish what is under way, and let go of everything, all within the grace time."""
        if self._stopped:
            return
        self._stopped = True
        grace = self._settings.shutdown.grace_seconds
        kept = min(LAST_STEPS, grace / 3)
        end = asyncio.get_running_loop().time() + grace
        self.reconciler.draining = True
        self.audit.hurry()
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

    async def _release(self) -> None:
        if self.elector:
            await self.elector.release()

    def _spawn(self) -> None:
        self.audit.start()
        self.poster.start()
        self._tasks.append(asyncio.create_task(self.queue.run(), name="work queue"))
        self._tasks.append(asyncio.create_task(self.routing.run(), name="routing"))
        if self._settings.retention.enabled:
            self._tasks.append(asyncio.create_task(self.keeper.run(), name="retention"))
        if self.elector:
            self._tasks.append(asyncio.create_task(self.elector.run(), name="elector"))
        else:
            self._tasks.append(asyncio.create_task(keep_asking(self.client, self.connectivity), name="pulse"))

    def _keeper(self, serves: Callable[[str], bool], clock: Callable[[], datetime]) -> Keeper:
        return Keeper(
            self.client,
            self._settings.retention,
            kind=RESOURCE,
            namespaces=self._settings.watch.namespaces,
            selectable=lambda: bool(self.followed),
            works=lambda: self._leads and not self._stopped,
            may_delete=lambda due: (
                serves(due.ref.namespace) and self._owns(due.uid) and not self.ledger.holds(due.uid)
            ),
            deleted=self.metrics.retention_deleted,
            clock=clock,
        )

    def _owns(self, _uid: str) -> bool:
        """Return whether this replica may work on an object now."""
        return self._leads and not self._stopped

    def _elector(self) -> Elector:
        settings = self._settings.leader_election
        return Elector(
            CoordinationV1Api(self.client),
            namespace=settings.namespace or self.cluster.namespace,
            name=settings.lease_name,
            identity=f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}",
            seconds=settings.lease_seconds,
            on_change=lambda _leading: self._gate(),
        )

    def _routing(self) -> RoutingSource:
        settings = self._settings.routing
        place = Place(namespace=settings.namespace or self.cluster.namespace, name=settings.config_map)
        return RoutingSource(
            ConfigMapWatch(self.client, place),
            settings.key,
            known=self._gate,
            refused=self.events.routing_refused,
            refusals=self.metrics.routing_refusals,
        )

    @property
    def _leads(self) -> bool:
        return self.elector is None or self.elector.leading

    def _gate(self) -> None:
        """Let passes start while this replica works, and knows by which rules."""
        if self._leads and self.routing.known:
            self.queue.resume()
        else:
            self.queue.pause()

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
        self.dispatcher.publish(self.metrics.watch_channels)
        watch = self.metrics.watch
        watch("queue_depth", "Notifications that wait for a worker.", lambda: self.queue.waiting)
        watch("queue_running", "Notifications in a pass.", lambda: self.queue.running)
        watch("queue_delayed", "Notifications that wait for their time.", lambda: self.queue.delayed)
        watch("in_flight", "Tries under way.", lambda: self.ledger.in_flight)
        watch("unsaved_attempts", "Tries over and not yet written.", lambda: self.ledger.unsaved)
        watch("runtime_tasks", "Asyncio tasks that are not done.", lambda: len(asyncio.all_tasks()))
        watch("runtime_threads", "Threads that are alive.", threading.active_count)
        watch("leading", "Whether this replica works (1) or stands by (0).", lambda: float(self._leads))
        watch(
            "routing_loaded",
            "Whether there is a routing document and it is the one in force (1); else 0.",
            lambda: float(self.routing.state.loaded),
        )
        watch(
            "routing_generation",
            "Changes of the routing document that took effect: accepted, refused or removed.",
            lambda: self.routing.state.generation,
        )


async def _within(seconds: float, step: Coroutine[None, None, None]) -> None:
    """Take a step, and leave it where it is when its time is over."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(max(seconds, 0.0)):
            await step
