"""The operator on a real cluster: connects, serves probes and metrics, and runs until it is stopped."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING, Self

import structlog

from notification_contract import __version__
from notification_contract.settings import EventLevel
from notification_operator.lifecycle import Lifecycle
from notification_operator.ports import Ports, live_ports
from notification_operator.watch.kopf_adapter import KopfWatch, end_at_signals, ignore_signals, listen
from notification_operator.wiring import build
from notification_runtime.kube.client import Connectivity, check_reachable, connect, keep_probing
from notification_runtime.kube.events import Event, EventType
from notification_runtime.telemetry.gauges import Heartbeat, ReceiverGauges, WaitingGauges, publish
from notification_runtime.telemetry.http_server import Check, HealthServer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kubernetes.aio.client import ApiClient

    from notification_runtime.kube.client import Cluster
    from notification_runtime.settings import Settings

SILENCE = 20.0
"""Seconds without any answer of the API server after which this process is no longer ready."""
STALLED = 120.0
"""Seconds after which a watch that is neither open nor retried makes the process unhealthy."""
WATCH_INTERVAL = 0.2
"""Seconds between two checks whether the watches are established, until they are."""
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


def _now() -> datetime:
    return datetime.now(UTC)
