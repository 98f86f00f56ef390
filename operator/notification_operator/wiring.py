"""Composes the operator: settings and ports become parts that are connected in one direction."""

from __future__ import annotations

import random
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any

from notification_contract.cron import parse_cron
from notification_domain.flow_control.breaker import Limits
from notification_domain.quota import SOURCES, Quota
from notification_domain.redaction.redactor import Redactor, rules
from notification_operator.controller.attempt_tracker import AttemptTracker
from notification_operator.controller.external_heartbeat import ExternalHeartbeat
from notification_operator.controller.heartbeats import HeartbeatController
from notification_operator.controller.incidents import Incidents
from notification_operator.controller.ownership import Ownership
from notification_operator.controller.reconciler import Reconciler
from notification_operator.controller.reconciliation import Reconciliations
from notification_operator.controller.requeue import Requeue
from notification_operator.controller.retention import RetentionSweeper
from notification_operator.controller.starter import Starter
from notification_operator.controller.workqueue import WorkQueue
from notification_operator.endpoints.attempt import Recorder
from notification_operator.endpoints.budget import ContentBudget
from notification_operator.endpoints.limits import FlowControl, channel_limits
from notification_operator.endpoints.redaction import ContentRedaction
from notification_operator.endpoints.registry import Endpoints
from notification_operator.observers.audit.observer import AuditObserver
from notification_operator.observers.kube_events import EventObserver
from notification_operator.observers.publisher import LogObserver, MetricsObserver, Publisher
from notification_operator.watch.namespaces import AllNamespaces, SelectedNamespaces
from notification_operator.watch.notifications import OPEN, BacklogListing, EventHandler
from notification_operator.watch.routing import RoutingConfig, RuleBook
from notification_operator.watch.sources import HeartbeatSources
from notification_operator.wiring_receivers import receiver_sources, receiver_watch
from notification_runtime.delivery.sessions import Sessions
from notification_runtime.kube.objects import RESOURCE
from notification_runtime.leadership.elector import Elector
from notification_runtime.leadership.lease import LeaseConfig

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Container, Sequence
    from datetime import datetime

    from notification_operator.ports import Ports
    from notification_operator.watch.receivers import ReceiverWatch
    from notification_runtime.kube.events import EventRecorder
    from notification_runtime.settings import Settings
    from notification_runtime.telemetry.gauges import ElectorStatistics
    from notification_runtime.telemetry.metrics import Metrics


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeats:
    """The sources of heartbeats, and what reports on them."""

    sources: HeartbeatSources
    controller: HeartbeatController


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """The connected parts; `Lifecycle` starts and stops them."""

    queue: WorkQueue
    attempts: AttemptTracker
    endpoints: Endpoints
    elector: Elector | None
    """None for a single replica without leader election."""
    ownership: Ownership
    reconciler: Reconciler
    namespaces: AllNamespaces | SelectedNamespaces
    event_handler: EventHandler
    routing: RoutingConfig
    receivers: ReceiverWatch | None
    """None for an operator without NotificationReceivers."""
    heartbeats: Heartbeats | None
    """None for an operator that does not report heartbeats."""
    external_heartbeat: ExternalHeartbeat | None
    """None without a dead man's switch."""
    sessions: Sessions
    """What the channels of receivers send through."""
    backlog_listing: BacklogListing
    sweeper: RetentionSweeper | None
    """None if retention is disabled."""
    audit: AuditObserver
    events: EventRecorder
    metrics: Metrics


def build(
    settings: Settings,
    ports: Ports,
    *,
    clock: Callable[[], datetime],
    seconds: Callable[[], float] = monotonic,
) -> Operator:
    """Compose the operator; nothing runs before `Lifecycle` starts it.

    Args:
        settings: the operator's settings.
        ports: the ends that the parts use.
        clock: the wall-clock time.
        seconds: monotonic seconds, for Leases and circuit breakers.
    """
    metrics = ports.metrics
    redactor = Redactor(rules(settings.sanitizer), count=metrics.redacted)
    event_observer = EventObserver(
        record=ports.events.record,
        level=settings.events.level,
        pod=ports.pod,
        api_version=f"{RESOURCE.group}/{RESOURCE.version}",
        clock=clock,
        redact=redactor.text,
    )
    audit = AuditObserver(settings.audit, registry=metrics.registry, rules=redactor.rules, store=ports.audit)
    spread = random.Random(ports.identity).random  # noqa: S311 - spreads times, keeps no secret
    control = FlowControl(
        Limits(**settings.breaker.model_dump()),
        concurrency=settings.delivery.concurrency_per_channel,
        clock=clock,
        seconds=seconds,
        on_change=event_observer.breaker_changed,
        spread=spread,
    )

    def open_pages(namespace: str | None) -> AsyncIterator[Sequence[dict[str, Any]]]:
        return ports.objects.rows(namespace, selector=OPEN)

    selects = settings.watch.namespace_selector is not None
    namespaces = SelectedNamespaces(open_pages) if selects else AllNamespaces()
    sessions = Sessions()
    sources = (
        receiver_sources(
            settings,
            ports.receivers,
            served=namespaces,
            sessions=sessions,
            redactor=redactor,
            renderer=ports.renderer,
            clock=clock,
        )
        if ports.receivers
        else None
    )
    metrics_observer = MetricsObserver(
        metrics,
        exists=lambda key: sources is not None and sources.catalog.declared(key) is not None,
    )
    endpoints = Endpoints(
        ports.channels,
        channel_limits(settings.channels),
        control=control,
        recorder=Recorder(clock=clock, redactor=redactor),
        timeout=settings.delivery.timeout_seconds,
        catalog=(lambda: sources.catalog.catalog) if sources else None,
        builder=sources.builder if sources else None,
    )
    routing = RoutingConfig(
        ports.routing,
        settings.routing.key,
        refused=event_observer.routing_refused,
        ignored=event_observer.routing_keys_ignored,
        refusals=metrics.routing_refusals,
    )
    queue = WorkQueue(workers=settings.queue.workers, clock=clock, max_keys=settings.queue.max_notifications)
    budget = ContentBudget(
        settings.delivery.in_flight_bytes,
        channels=ports.channels,
        on_room=queue.add,
        concurrency=settings.delivery.concurrency_per_channel,
    )
    incidents = Incidents(ports.objects.of_incident, request=queue.add, clock=clock, seconds=seconds)
    attempts = AttemptTracker(on_finished=queue.add, on_end=incidents.finish, budget=budget)
    elector = _elector(settings, ports, clock=clock, seconds=seconds, observers=(incidents.on_shards,))
    rule_book = RuleBook(routing, sources.catalog if sources else None, channels=frozenset(ports.channels))
    ownership = Ownership(
        elector,
        attempts,
        queue,
        known=lambda: rule_book.known,
        served_since=namespaces.served_since,
        waiting=metrics.waiting,
    )
    namespaces.observe(lambda name: incidents.on_namespace(name, served=name in namespaces))
    namespaces.observe(ownership.on_namespace)
    receivers = (
        receiver_watch(
            settings,
            ports,
            sources,
            served=namespaces,
            endpoints=endpoints,
            queue=queue,
            ownership=ownership,
            metrics=metrics_observer,
            events=event_observer,
            redactor=redactor,
            clock=clock,
        )
        if sources
        else None
    )
    publisher = Publisher(
        *(metrics_observer, LogObserver(), event_observer),
        *((receivers,) if receivers else ()),
        *ports.observers,
        audit,
        on_refusal=event_observer.status_refused,
    )
    reconciler = Reconciler(
        reconciliations=Reconciliations(
            store=ports.store,
            tracker=attempts,
            rules=lambda: rule_book.rules,
            permission=ownership.permission,
            clock=clock,
            spread=spread,
        ),
        attempts=attempts,
        incidents=incidents,
        starter=Starter(
            endpoints=endpoints,
            redaction=ContentRedaction(redactor, ports.renderer),
            clock=clock,
            visible_after=settings.delivery.visible_after_seconds,
        ),
        requeue=Requeue(clock=clock),
        publisher=publisher,
        metrics=metrics_observer,
        may_reconcile=ownership.admits,
    )
    event_handler = EventHandler(
        queue,
        attempts=attempts,
        may_record=ownership.may_record,
        metrics=metrics,
        served=namespaces,
        leave=incidents.leave,
    )
    backlog_listing = BacklogListing(
        open_pages,
        namespaces=settings.watch.namespaces,
        backlog=queue.backlog,
        handler=event_handler,
        accepting_work=lambda: ownership.accepting_work,
    )
    sweeper = _sweeper(settings, ports, namespaces=namespaces, ownership=ownership, clock=clock)
    return Operator(
        queue=queue,
        attempts=attempts,
        endpoints=endpoints,
        elector=elector,
        ownership=ownership,
        reconciler=reconciler,
        namespaces=namespaces,
        event_handler=event_handler,
        routing=routing,
        receivers=receivers,
        heartbeats=_heartbeats(settings, ports, served=namespaces, ownership=ownership, clock=clock),
        external_heartbeat=_external_heartbeat(settings, ports, ownership=ownership, clock=clock),
        sessions=sessions,
        backlog_listing=backlog_listing,
        sweeper=sweeper,
        audit=audit,
        events=ports.events,
        metrics=metrics,
    )


def _elector(
    settings: Settings,
    ports: Ports,
    *,
    clock: Callable[[], datetime],
    seconds: Callable[[], float],
    observers: Sequence[Callable[[ElectorStatistics], None]],
) -> Elector | None:
    election = settings.leader_election
    if not election.enabled:
        return None
    return Elector(
        ports.leases,
        name=election.lease_name,
        config=LeaseConfig(identity=ports.identity, seconds=election.lease_seconds, shards=election.shards),
        clock=seconds,
        now=clock,
        observers=(*observers, *ports.elector_observers),
    )


def _sweeper(
    settings: Settings,
    ports: Ports,
    *,
    namespaces: Container[str],
    ownership: Ownership,
    clock: Callable[[], datetime],
) -> RetentionSweeper | None:
    if not settings.retention.enabled:
        return None
    return RetentionSweeper(
        settings=settings.retention,
        objects=ports.objects,
        namespaces=settings.watch.namespaces,
        served=namespaces,
        active=lambda: ownership.active,
        owns=ownership.owns,
        deleted=ports.metrics.retention_deleted,
        failures=ports.metrics.retention_failures,
        overdue=ports.metrics.retention_overdue,
        clock=clock,
    )


def _heartbeats(
    settings: Settings,
    ports: Ports,
    *,
    served: AllNamespaces | SelectedNamespaces,
    ownership: Ownership,
    clock: Callable[[], datetime],
) -> Heartbeats | None:
    if ports.sources is None:
        return None
    home = ports.sources.home
    sources = HeartbeatSources(
        ports.sources.watches,
        home=home,
        everywhere=settings.heartbeats.tenant_sources,
        served=served,
        quota=Quota(
            SOURCES,
            home=home,
            per_namespace=settings.heartbeats.max_per_namespace,
            total=settings.heartbeats.max_total,
        ),
    )
    controller = HeartbeatController(
        store=ports.sources.store,
        leases=ports.sources.leases.list,
        create=ports.objects.create,
        sources=lambda: sources.beats,
        refresh=sources.take,
        owns=ownership.owns,
        reported=ports.metrics.heartbeats_reported,
        missing=ports.metrics.heartbeats_missing,
        clock=clock,
        spread=random.Random(ports.identity).random,  # noqa: S311 - as above
    )
    return Heartbeats(sources=sources, controller=controller)


def _external_heartbeat(
    settings: Settings, ports: Ports, *, ownership: Ownership, clock: Callable[[], datetime]
) -> ExternalHeartbeat | None:
    period = parse_cron(settings.drill.schedule).longest_gap if settings.drill.schedule else None
    if ports.external_heartbeat is None or period is None:
        return None
    return ExternalHeartbeat(
        settings.external_heartbeat,
        period=period,
        home=ports.external_heartbeat.home,
        read=ports.external_heartbeat.read,
        owns=ownership.owns,
        last_success=ports.metrics.external_heartbeat_success,
        failures=ports.metrics.external_heartbeat_failures,
        clock=clock,
    )
