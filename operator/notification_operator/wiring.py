"""Composes the operator: settings and ports become parts that are connected in one direction."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, Any

from notification_contract.cron import parse_cron
from notification_operator.controller.attempt_tracker import AttemptTracker
from notification_operator.controller.external_heartbeat import ExternalHeartbeat
from notification_operator.controller.heartbeats import HeartbeatController
from notification_operator.controller.incidents import Incidents
from notification_operator.controller.receiver_tester import ReceiverTester
from notification_operator.controller.receivers import ReceiverStatusController
from notification_operator.controller.reconciler import Reconciler
from notification_operator.controller.retention import RetentionSweeper
from notification_operator.controller.workqueue import WorkQueue
from notification_operator.domain.flow_control.breaker import Limits
from notification_operator.domain.receivers.catalog import ReceiverKey
from notification_operator.domain.receivers.quota import Quota
from notification_operator.domain.redaction.redactor import Redactor, rules
from notification_operator.endpoints.attempt import Recorder
from notification_operator.endpoints.budget import ContentBudget
from notification_operator.endpoints.builder import Builder
from notification_operator.endpoints.factory import ChannelFactory
from notification_operator.endpoints.limits import FlowControl, channel_limits
from notification_operator.endpoints.redaction import ContentRedaction
from notification_operator.endpoints.registry import Endpoints
from notification_operator.endpoints.sessions import Sessions
from notification_operator.endpoints.template_checks import TemplateChecks
from notification_operator.kube.objects import RESOURCE
from notification_operator.leadership.elector import Elector
from notification_operator.leadership.lease import LeaseConfig
from notification_operator.leadership.ownership import Ownership
from notification_operator.observers.audit.observer import AuditObserver
from notification_operator.observers.kube_events import EventObserver
from notification_operator.observers.publisher import LogObserver, MetricsObserver, Publisher
from notification_operator.rendering.job import Renderer
from notification_operator.watch.namespaces import AllNamespaces, SelectedNamespaces
from notification_operator.watch.notifications import BacklogListing, EventHandler, OpenSelector
from notification_operator.watch.receivers import ReceiverCatalog, ReceiverWatch
from notification_operator.watch.references import (
    CONFIG_MAPS,
    SECRETS,
    ReceiverReferences,
    ReferencedObjects,
)
from notification_operator.watch.routing import RoutingConfig, RuleBook
from notification_operator.watch.sources import HeartbeatSources

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Container, Mapping, Sequence
    from datetime import datetime

    from atomic_status import StatusStore
    from notification_operator.config.settings import Settings
    from notification_operator.delivery.channel import Channel
    from notification_operator.kube.events import EventRecorder, Regarding
    from notification_operator.kube.objects import KubeObjects
    from notification_operator.leadership.lease import KubeLeases
    from notification_operator.observers.audit.store import AuditStore
    from notification_operator.observers.publisher import Observer
    from notification_operator.rendering.compose import ReadTemplate
    from notification_operator.telemetry.gauges import ElectorStatistics
    from notification_operator.telemetry.metrics import Metrics
    from notification_operator.watch.collection_watch import CollectionWatch, KubeWatches


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverPorts:
    """The ends of what works with NotificationReceivers."""

    watches: KubeWatches
    """Opens those of receivers, and of the Secrets and ConfigMaps that they refer to."""
    store: StatusStore
    """The status of receivers."""
    home: str
    """The operator's own namespace."""
    cluster: str = ""
    """The name of the cluster, for templates and webhooks."""
    overrides: ReadTemplate | None = None
    """Reads the templates of notifications; None: they are not used."""
    factory: ChannelFactory | None = None
    """Creates the channels of receivers; None for those that send over the network."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcePorts:
    """The ends of what works with heartbeats of NotificationSources."""

    watches: KubeWatches
    """Opens that of sources."""
    store: StatusStore
    """The status of sources."""
    leases: KubeLeases
    """Those of the gateway, in the operator's own namespace."""
    home: str
    """The operator's own namespace."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalHeartbeatPorts:
    """The ends of what tells a dead man's switch that the platform delivers."""

    read: Callable[[str, Mapping[str, str]], Awaitable[Mapping[str, Any]]]
    """Gets a path of the API server, with a query."""
    home: str
    """The operator's own namespace."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """The ends of the operator: everything outside the process that its parts read or write."""

    store: StatusStore
    leases: KubeLeases
    objects: KubeObjects
    selector: OpenSelector = field(default_factory=OpenSelector)
    """Selects the open ones."""
    routing: CollectionWatch[Mapping[str, Any]]
    """The watch of the ConfigMap with the routing document."""
    receivers: ReceiverPorts | None = None
    """None for an operator without NotificationReceivers."""
    sources: SourcePorts | None = None
    """None for an operator that does not report heartbeats."""
    external_heartbeat: ExternalHeartbeatPorts | None = None
    """None without a dead man's switch."""
    channels: Mapping[str, Channel]
    audit: AuditStore
    events: EventRecorder
    metrics: Metrics
    renderer: Renderer = field(default_factory=Renderer)
    """Computes what tenants wrote."""
    pod: Regarding
    """This pod: Events about the operator itself regard it."""
    identity: str
    """Identifies this process as a holder of Leases."""
    replica: str = "operator"
    """The name of this replica's entry in the status of receivers: that of the pod, which outlives a container."""
    observers: Sequence[Observer] = ()
    """Further observers of status writes, before the audit trail."""
    elector_observers: Sequence[Callable[[ElectorStatistics], None]] = ()
    """Called when the shards of this replica have changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeats:
    """The sources of heartbeats, and what reports on them."""

    sources: HeartbeatSources
    controller: HeartbeatController


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """The connected parts; `app` starts and stops them."""

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
    """Compose the operator; nothing runs before `app` starts it.

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
    control = FlowControl(
        Limits(**settings.breaker.model_dump()),
        concurrency=settings.delivery.concurrency_per_channel,
        clock=clock,
        seconds=seconds,
        on_change=event_observer.breaker_changed,
        spread=random.Random(ports.identity).random,  # noqa: S311 - spreads times, keeps no secret
    )

    def open_pages(namespace: str | None) -> AsyncIterator[Sequence[dict[str, Any]]]:
        return ports.objects.pages(namespace, selector=ports.selector.text)

    selects = settings.watch.namespace_selector is not None
    namespaces = SelectedNamespaces(open_pages) if selects else AllNamespaces()
    sessions = Sessions()
    sources = (
        _receiver_sources(
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
        refusals=metrics.routing_refusals,
    )
    queue = WorkQueue(workers=settings.queue.workers, clock=clock, max_keys=settings.queue.max_notifications)
    budget = ContentBudget(
        settings.delivery.in_flight_bytes,
        channels=ports.channels,
        on_room=queue.add,
        concurrency=settings.delivery.concurrency_per_channel,
    )
    attempts = AttemptTracker(on_finished=queue.add, budget=budget)
    incidents = Incidents(ports.objects.of_incident, request=queue.add, clock=clock, seconds=seconds)
    elector = _elector(settings, ports, clock=clock, seconds=seconds, observers=(incidents.restart,))
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
        _receiver_watch(
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
        store=ports.store,
        attempts=attempts,
        endpoints=endpoints,
        redaction=ContentRedaction(redactor, ports.renderer),
        incidents=incidents,
        rules=lambda: rule_book.rules,
        may_reconcile=ownership.admits,
        permission=ownership.permission,
        publisher=publisher,
        metrics=metrics_observer,
        clock=clock,
        visible_after=settings.delivery.visible_after_seconds,
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
        ports.sources.watches, home=home, everywhere=settings.heartbeats.tenant_sources, served=served
    )
    controller = HeartbeatController(
        store=ports.sources.store,
        leases=ports.sources.leases.list,
        create=ports.objects.create,
        home=home,
        sources=lambda: sources.beats,
        refresh=sources.take,
        owns=ownership.owns,
        reported=ports.metrics.heartbeats_reported,
        missing=ports.metrics.heartbeats_missing,
        clock=clock,
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _ReceiverSources:
    """What is known of receivers, before anything works with it."""

    ports: ReceiverPorts
    catalog: ReceiverCatalog
    references: ReceiverReferences
    templates: TemplateChecks
    builder: Builder


def _receiver_sources(  # noqa: PLR0913 - what the channels of receivers share
    settings: Settings,
    ports: ReceiverPorts,
    *,
    served: AllNamespaces | SelectedNamespaces,
    sessions: Sessions,
    redactor: Redactor,
    renderer: Renderer,
    clock: Callable[[], datetime],
) -> _ReceiverSources:
    """Return the sources; nothing is read before the watch runs."""
    catalog = ReceiverCatalog(
        ports.watches,
        home=ports.home,
        namespaces=settings.watch.namespaces,
        served=served,
        types_elsewhere=settings.receivers.types_elsewhere,
        quota=Quota(
            home=ports.home,
            per_namespace=settings.receivers.max_per_namespace,
            total=settings.receivers.max_total,
        ),
    )
    secrets, config_maps = (
        ReferencedObjects(ports.watches, kind, home=ports.home, namespaced=settings.receivers.namespaced)
        for kind in (SECRETS, CONFIG_MAPS)
    )
    templates = TemplateChecks(renderer)
    factory = ports.factory or ChannelFactory(
        sessions=sessions,
        clock=clock,
        redactor=redactor,
        cluster=ports.cluster,
        overrides=ports.overrides,
        denied_networks=settings.receivers.denied_networks,
        allowed_hosts=settings.receivers.allowed_hosts,
        renderer=renderer,
    )
    return _ReceiverSources(
        ports=ports,
        catalog=catalog,
        references=ReceiverReferences(secrets=secrets, config_maps=config_maps),
        templates=templates,
        builder=Builder(secret=secrets.get, config_map=config_maps.get, factory=factory, templates=templates),
    )


def _receiver_watch(  # noqa: PLR0913 - the parts that receivers concern
    settings: Settings,
    ports: Ports,
    sources: _ReceiverSources,
    *,
    served: AllNamespaces | SelectedNamespaces,
    endpoints: Endpoints,
    queue: WorkQueue,
    ownership: Ownership,
    metrics: MetricsObserver,
    events: EventObserver,
    redactor: Redactor,
    clock: Callable[[], datetime],
) -> ReceiverWatch:
    """Return what works with the sources."""
    status = ReceiverStatusController(
        store=sources.ports.store,
        receivers=lambda: sources.catalog.keys,
        declared=sources.catalog.declared,
        owns=ownership.owns,
        examined=lambda receiver: sources.builder.template_problem(receiver) is not None,
        endpoints=endpoints,
        waiting=lambda key: ports.metrics.waiting.count(str(key)),
        tester=ReceiverTester(lambda: sources.catalog.catalog, endpoints, clock=clock, redact=redactor.text),
        publish=events.receiver_changed,
        replica=ports.replica,
        home=sources.ports.home,
        types_elsewhere=settings.receivers.types_elsewhere,
        clock=clock,
        spread=random.Random(ports.replica).random,  # noqa: S311 - spreads writes, keeps no secret
    )
    endpoints.observe(status.note)

    def note_waiting(name: str) -> None:
        namespace, slash, receiver = name.partition("/")
        if slash:  # Else it is a channel of the settings.
            status.note(ReceiverKey(namespace, receiver))

    ports.metrics.waiting.observe(note_waiting)
    return ReceiverWatch(
        sources.catalog,
        sources.references,
        sources.templates,
        endpoints=endpoints,
        status=status,
        served=served,
        watched=frozenset(settings.watch.namespaces),
        enqueue=queue.add,
        gone=metrics.forget,
        clock=clock,
    )
