"""The operator on a real cluster: connects, serves probes and metrics, and runs until it is stopped."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING, Any, Self

import structlog

from atomic_status import KubeStatusStore, ObjectRef
from notification_contract.settings import EventLevel
from notification_operator import __version__
from notification_operator.controller.external_heartbeat import SECONDS as HEARTBEAT_SECONDS
from notification_operator.endpoints.builder import channels
from notification_operator.kube.client import Connectivity, check_reachable, connect, keep_probing
from notification_operator.kube.config_map_templates import ConfigMapTemplates
from notification_operator.kube.events import Event, EventRecorder, EventType, own_pod
from notification_operator.kube.objects import RECEIVER_RESOURCE, RESOURCE, SOURCE_RESOURCE, KubeObjects
from notification_operator.kube.requests import call
from notification_operator.leadership.lease import KubeLeases
from notification_operator.observers.audit.observer import audit_store
from notification_operator.rendering.worker import RenderWorker
from notification_operator.telemetry.gauges import Heartbeat, ReceiverGauges, WaitingGauges, publish
from notification_operator.telemetry.http_server import Check, HealthServer
from notification_operator.telemetry.metrics import Metrics
from notification_operator.watch.collection_watch import KubeWatches
from notification_operator.watch.kopf_adapter import KopfWatch, end_at_signals, ignore_signals, listen
from notification_operator.watch.receivers import CRD_HINT
from notification_operator.watch.routing import config_map_watch
from notification_operator.watch.sources import CRD_HINT as SOURCE_CRD_HINT
from notification_operator.wiring import ExternalHeartbeatPorts, Ports, ReceiverPorts, SourcePorts, build

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from kubernetes.aio.client import ApiClient

    from notification_operator.config.settings import Settings
    from notification_operator.kube.client import Cluster
    from notification_operator.wiring import Operator

SILENCE = 20.0
"""Seconds without any answer of the API server after which this process is no longer ready."""
STALLED = 120.0
"""Seconds after which a watch that is neither open nor retried makes the process unhealthy."""
WATCH_INTERVAL = 0.2
"""Seconds between two checks whether the watches are established, until they are."""
LAST_STEPS = 2.0
"""Seconds of the grace period, at most a third of it, that are kept from running attempts.

Half of them are for the steps after the last attempt, half for the end of the process.
"""

logger = structlog.get_logger(__name__)


async def run(settings: Settings) -> int:
    """Run until SIGTERM or SIGINT; return the number of audit events that the shutdown lost.

    Raises:
        UnreachableError: the API server cannot be reached at start.
        OSError: a port is taken.
    """
    app = await App.start(settings)
    registry, stopping = app.watch.handlers(stop=app.stop), asyncio.Event()
    end_at_signals(registry, stopping)
    try:
        await listen(app.watch.run(registry, stopping), app.finished)
    finally:
        await app.stop()
        ignore_signals()
    report = app.lifecycle.report
    return 0 if report is None else report.lost_audit_events


class App:
    """The operator on a real cluster, with probes and metrics."""

    def __init__(  # noqa: PLR0913 - settings, and its connections
        self,
        settings: Settings,
        ports: Ports,
        *,
        client: ApiClient,
        cluster: Cluster,
        connectivity: Connectivity,
        watching: ApiClient | None = None,
    ) -> None:
        self.client = client
        self._watching = watching
        self.cluster = cluster
        self.connectivity = connectivity
        self.operator = build(settings, ports, clock=_now)
        self.heartbeat = Heartbeat(clock=monotonic)
        self._pod = ports.pod
        self.watch = KopfWatch(
            settings.watch,
            client=client,
            cluster=cluster,
            connectivity=connectivity,
            selector=ports.selector,
            event_handler=self.operator.event_handler,
            namespaces=self.operator.namespaces,
            on_unavailable=self.report_unavailable,
        )
        self.lifecycle = Lifecycle(
            self.operator,
            closed_seconds=lambda: self.watch.supervisor.closed_seconds,
            grace_seconds=settings.shutdown.grace_seconds,
        )
        self.finished = asyncio.Event()
        """Set when the shutdown has finished."""
        self._settings = settings
        self._health = HealthServer(
            settings.server, registry=self.operator.metrics.registry, alive=self.alive, ready=self.ready
        )
        self._watch_log: asyncio.Task[None] | None = None
        self._stopping = False

    @classmethod
    async def start(cls, settings: Settings) -> Self:
        """Connect to the cluster, start serving and working.

        Raises:
            UnreachableError: the API server cannot be reached.
            OSError: a port is taken.
        """
        connectivity = Connectivity()
        cluster = await connect(connectivity, pool=settings.queue.workers * 2)
        client, watching = cluster.client(), cluster.unbounded_client()
        ports = live_ports(settings, client, cluster, watching=watching)
        app = cls(
            settings, ports, client=client, watching=watching, cluster=cluster, connectivity=connectivity
        )
        try:
            await check_reachable(app.client, cluster)
            await app.watch.detect_selector()
            await app.serve()
        except BaseException:
            await app.close()
            raise
        app.run()
        return app

    async def serve(self) -> None:
        """Serve the probes and the metrics.

        Raises:
            OSError: a port is taken.
        """
        operator = self.operator
        await self._health.start()
        operator.metrics.settings_ignored.set(len(self._settings.ignored))
        operator.endpoints.publish(operator.metrics.add_channel_gauge)
        if operator.receivers:
            scheduled = bool(self._settings.drill.schedule)
            gauges = ReceiverGauges(operator.receivers.states, drills_scheduled=scheduled)
            operator.metrics.registry.register(gauges)
        operator.metrics.registry.register(WaitingGauges(operator.metrics.waiting, clock=_now))
        publish(
            operator.metrics,
            queue=operator.queue.statistics,
            attempts=lambda: operator.attempts.statistics(operator.ownership.may_record),
            ownership=operator.ownership.statistics,
            routing=lambda: operator.routing.state,
            unavailable=lambda: self.watch.supervisor.unavailable_namespaces,
            loop=self.heartbeat.statistics,
        )

    def run(self) -> None:
        """Start working."""
        watch = self._settings.watch
        logger.info(
            "started",
            version=__version__,
            cluster=self.cluster.configuration.host,
            namespaces=watch.namespace_selector or list(watch.namespaces) or "all",
            shards=self.operator.ownership.statistics().shards,
        )
        self.lifecycle.start()
        self.lifecycle.spawn(self.heartbeat.run(), name="heartbeat")
        if not self.operator.elector:
            # The renewals of a Lease show that the API server answers; without a Lease it is asked.
            self.lifecycle.spawn(keep_probing(self.client, self.connectivity), name="pulse")
        self._watch_log = asyncio.create_task(self._log_watches(), name="watch log")

    async def stop(self) -> None:
        """Shut down in order, within the grace period; a second call returns at once."""
        if self._stopping:
            return
        self._stopping = True
        if self._watch_log is not None:
            self._watch_log.cancel()
        await self.lifecycle.stop()
        await self.close()
        self.finished.set()

    async def close(self) -> None:
        """Close the ports and the connections of this process."""
        await self._health.stop()
        await self.client.close()
        if self._watching is not None:
            await self._watching.close()
        await self.watch.close()

    def alive(self) -> Mapping[str, Check]:
        """Return whether each task of the operator is running, and whether the watches are open or retried.

        A failure that a restart cannot repair, such as an unreachable API server or a missing CRD, fails no check.
        """
        tasks = {**self.lifecycle.tasks, **self.operator.events.tasks}.items()
        checks = {name: Check(passed=runs, text="running" if runs else "ended") for name, runs in tasks}
        stalled = self.watch.supervisor.stalled_seconds
        text = f"neither open nor retried for {stalled:.0f} s" if stalled else "open, or retried"
        return {**checks, "watches": Check(passed=stalled < STALLED, text=text)}

    def ready(self) -> Mapping[str, Check]:
        """Return whether the operator can do its work."""
        operator, connectivity = self.operator, self.connectivity
        silence = connectivity.silence
        routing, accepting = operator.routing, operator.ownership.accepting_work
        return {
            "api_server": Check(
                passed=silence < SILENCE,
                text="no answer yet" if silence == float("inf") else f"last answer {silence:.1f} s ago",
            ),
            "watches": self._watches_ready(),
            "routing_config": Check(
                passed=routing.known,
                text=routing.error or ("looked for" if routing.known else "not looked for yet"),
            ),
            **self._receivers_ready(),
            "accepting_work": Check(
                passed=accepting, text="accepting work" if accepting else "shutting down"
            ),
        }

    def _receivers_ready(self) -> Mapping[str, Check]:
        if self.operator.receivers is None:
            return {}
        catalog = self.operator.receivers.catalog
        notes = [f"{name}: {error}" for name, error in catalog.errors.items()]
        text = "; ".join(notes) or ("looked for" if catalog.known else "not looked for yet")
        return {"receivers": Check(passed=catalog.known, text=text)}

    def _watches_ready(self) -> Check:
        supervisor, watches = self.watch.supervisor, self.connectivity.open_watches
        notes = [f"{watches} of {self._watches} established"]
        if supervisor.error:
            notes.append(supervisor.error)
        if supervisor.unavailable_namespaces:
            notes.append(f"namespaces that are not watched: {', '.join(supervisor.unavailable_namespaces)}")
        return Check(passed=watches >= self._watches, text="; ".join(notes))

    @property
    def _watches(self) -> int:
        """The number of watches that should be open, with the one of the routing document."""
        return self.watch.supervisor.required + 1

    def report_unavailable(self, namespace: str, error: str) -> None:
        """Record, about this pod, that a namespace is not watched."""
        if self._settings.events.level is not EventLevel.NONE:
            self.operator.events.record(
                Event(
                    regarding=self._pod,
                    type=EventType.WARNING,
                    reason="NamespaceUnavailable",
                    action="Watch",
                    note=f"Notifications in namespace {namespace} are not delivered: {error}",
                    at=_now(),
                )
            )

    async def _log_watches(self) -> None:
        while self.connectivity.open_watches < self._watches:  # noqa: ASYNC110 - requests report, without an event
            await asyncio.sleep(WATCH_INTERVAL)
        logger.info("watch established", watches=self.connectivity.open_watches)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShutdownReport:
    """What a shutdown could not finish."""

    lost_audit_events: int
    abandoned: int
    """Notifications whose attempts were still running or unrecorded when the grace period ended."""
    drain_seconds: float
    """How long the shutdown waited for attempts."""


class Lifecycle:
    """Runs the parts of the operator, and stops them in order within the grace period.

    Args:
        closed_seconds: returns for how long notifications may have gone unnoticed; a replica leaves its work to others
            when that is long.
    """

    def __init__(
        self, operator: Operator, *, closed_seconds: Callable[[], float], grace_seconds: float
    ) -> None:
        self.operator = operator
        self._closed_seconds = closed_seconds
        self.report: ShutdownReport | None = None
        """Set when the shutdown has finished."""
        self._grace_seconds = grace_seconds
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def tasks(self) -> Mapping[str, bool]:
        """Whether each task is running, by name."""
        return {task.get_name(): not task.done() for task in self._tasks}

    def start(self) -> None:
        """Start every part."""
        operator, on_change = self.operator, self._on_change
        operator.audit.start()
        operator.events.start()
        self.spawn(operator.routing.run(on_known=on_change), name="routing")
        if operator.receivers:
            self.spawn(operator.receivers.run(on_known=on_change), name="receivers")
            self.spawn(operator.receivers.status.run(), name="receiver status")
        if operator.heartbeats:
            self.spawn(operator.heartbeats.sources.run(), name="sources")
            self.spawn(operator.heartbeats.controller.run(), name="heartbeats of sources")
        if operator.external_heartbeat:
            self.spawn(operator.external_heartbeat.run(), name="external heartbeat")
        self.spawn(
            operator.queue.run(operator.reconciler.reconcile, admit=operator.reconciler.admits),
            name="work queue",
        )
        self.spawn(operator.backlog_listing.run(), name="backlog listing")
        if operator.sweeper:
            self.spawn(operator.sweeper.run(), name="retention")
        if operator.elector:
            drained = operator.ownership.drained
            election = operator.elector.run(
                closed_seconds=self._closed_seconds, drained=drained, on_change=on_change
            )
            self.spawn(election, name="elector")

    def _on_change(self) -> None:
        """Admit what this replica may work on now."""
        self.operator.ownership.on_change()
        if self.operator.receivers:
            self.operator.receivers.status.note_all()

    def spawn(self, work: Coroutine[None, None, None], *, name: str) -> None:
        """Run a task until the shutdown."""
        self._tasks.append(asyncio.create_task(work, name=name))

    async def stop(self) -> None:
        """Start nothing new, finish running attempts, and close everything, within the grace period."""
        operator, loop = self.operator, asyncio.get_running_loop()
        began = loop.time()
        kept = min(LAST_STEPS, self._grace_seconds / 3)
        end = began + self._grace_seconds
        logger.info("shutdown requested", grace_seconds=self._grace_seconds)
        operator.audit.flush()
        operator.ownership.begin_shutdown()
        logger.info("draining", notifications=operator.attempts.statistics().objects)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(end - kept):
                await operator.attempts.idle()
        drain_seconds, attempts = loop.time() - began, operator.attempts.statistics()
        if attempts.objects:
            logger.warning(
                "abandoned in-flight attempts at the end of the grace period",
                in_flight=attempts.running,
                unsaved=attempts.unrecorded,
            )
        operator.attempts.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        lost = await self._close(end - kept / 2)
        self.report = ShutdownReport(
            lost_audit_events=lost, abandoned=attempts.objects, drain_seconds=drain_seconds
        )
        logger.info("stopped", seconds=round(loop.time() - began, 3), lost_audit_events=lost)

    async def _close(self, end: float) -> int:
        """Send the last events, release the Leases and close the channels concurrently; return the lost events."""
        operator, left = self.operator, end - asyncio.get_running_loop().time()
        lost, *_ = await asyncio.gather(
            operator.audit.close(left),
            operator.events.close(left),
            _within(left, operator.endpoints.close()),
            _within(left, self._release()),
            _within(left, operator.sessions.close()),
        )
        return lost

    async def _release(self) -> None:
        if self.operator.elector:
            await self.operator.elector.release()


async def _within(seconds: float, step: Coroutine[None, None, None]) -> None:
    """Run a step, and cancel it when its time is over."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(max(seconds, 0.0)):
            await step


def live_ports(settings: Settings, client: ApiClient, cluster: Cluster, *, watching: ApiClient) -> Ports:
    """Return the real ends.

    Args:
        settings: the operator's settings.
        client: for everything but watches of receivers.
        cluster: the API server.
        watching: for watches of receivers, which take a connection each.

    Raises:
        SettingsError: a channel plugin cannot be loaded.
    """
    metrics = Metrics()
    pod = own_pod(cluster.namespace)
    routing = settings.routing
    ref = ObjectRef(namespace=routing.namespace or cluster.namespace, name=routing.config_map)
    return Ports(
        store=KubeStatusStore(client, RESOURCE),
        leases=KubeLeases(client, settings.leader_election.namespace or cluster.namespace),
        objects=KubeObjects(client, RESOURCE),
        routing=config_map_watch(client, ref),
        receivers=_live_receiver_ports(settings, client, cluster, watching)
        if settings.receivers.enabled
        else None,
        sources=_live_source_ports(client, cluster, watching) if settings.heartbeats.enabled else None,
        external_heartbeat=_live_heartbeat_ports(client, cluster)
        if settings.external_heartbeat.secret
        else None,
        channels=channels(settings.channels, cluster=settings.receivers.cluster),
        audit=audit_store(settings.audit),
        events=EventRecorder(client, instance=pod.name, dropped=metrics.events_dropped),
        metrics=metrics,
        renderer=RenderWorker(on_failure=metrics.rendering_failed),
        pod=pod,
        replica=pod.name,
        identity=f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}",
    )


def _live_receiver_ports(
    settings: Settings, client: ApiClient, cluster: Cluster, watching: ApiClient
) -> ReceiverPorts:
    return ReceiverPorts(
        watches=KubeWatches(watching, hint=CRD_HINT),
        store=KubeStatusStore(client, RECEIVER_RESOURCE),
        home=cluster.namespace,
        cluster=settings.receivers.cluster,
        # Not by the other client: it would take the read for the end of the watch of the routing document.
        overrides=ConfigMapTemplates(
            watching, home=cluster.namespace, namespaced=settings.receivers.namespaced
        ).source,
    )


def _live_source_ports(client: ApiClient, cluster: Cluster, watching: ApiClient) -> SourcePorts:
    return SourcePorts(
        watches=KubeWatches(watching, hint=SOURCE_CRD_HINT),
        store=KubeStatusStore(client, SOURCE_RESOURCE),
        leases=KubeLeases(client, cluster.namespace),
        home=cluster.namespace,
    )


def _live_heartbeat_ports(client: ApiClient, cluster: Cluster) -> ExternalHeartbeatPorts:
    async def read(path: str, query: Mapping[str, str]) -> Mapping[str, Any]:
        return await call(client, "GET", path, query=query, seconds=HEARTBEAT_SECONDS)

    return ExternalHeartbeatPorts(read=read, home=cluster.namespace)


def _now() -> datetime:
    return datetime.now(UTC)
