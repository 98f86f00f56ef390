"""Composes the operator: settings and ports become parts that are connected in one direction."""

from __future__ import annotations

import os
import random
import socket
import uuid
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, Protocol

from atomic_status import KubeStatusStore, ObjectRef, Resource
from notification_operator.controller.reconciler import Reconciler
from notification_operator.controller.retention import RetentionSweeper
from notification_operator.controller.starter import Starter
from notification_operator.controller.workqueue import WorkQueue
from notification_operator.delivery.attempt_tracker import AttemptTracker
from notification_operator.delivery.breakers import Breakers
from notification_operator.delivery.content_budget import ContentBudget
from notification_operator.delivery.content_redaction import ContentRedaction
from notification_operator.delivery.dispatcher import Dispatcher
from notification_operator.delivery.registry import channel_limits, channels
from notification_operator.domain.breaker import Limits
from notification_operator.domain.redaction.redactor import Redactor, rules
from notification_operator.kube.event_recorder import EventRecorder as KubeEventRecorder
from notification_operator.kube.event_recorder import own_pod
from notification_operator.kube.leases import KubeLeases
from notification_operator.kube.objects import KubeObjects
from notification_operator.leadership.elector import Elector
from notification_operator.leadership.lease import LeaseConfig
from notification_operator.leadership.ownership import Ownership
from notification_operator.observers.audit.observer import AuditObserver, audit_store
from notification_operator.observers.kube_events import EventObserver
from notification_operator.observers.log import LogObserver
from notification_operator.observers.metrics import MetricsObserver
from notification_operator.observers.publisher import Publisher
from notification_operator.telemetry.metrics import Metrics
from notification_operator.watch.backlog_listing import BacklogListing
from notification_operator.watch.config_map import ConfigMapWatch
from notification_operator.watch.event_handler import EventHandler
from notification_operator.watch.namespaces import AllNamespaces, SelectedNamespaces
from notification_operator.watch.routing_config import RoutingConfig

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Container, Mapping, Sequence
    from datetime import datetime

    from kubernetes.aio.client import ApiClient

    from atomic_status import StatusStore
    from notification_operator.config.settings import Settings
    from notification_operator.controller.request import Key
    from notification_operator.delivery.channel import Channel
    from notification_operator.kube.client import Cluster
    from notification_operator.kube.event import Event, Regarding
    from notification_operator.leadership.lease import LeaseStore
    from notification_operator.observers.audit.store import AuditStore
    from notification_operator.observers.publisher import Observer
    from notification_operator.telemetry.statistics import ElectorStatistics
    from notification_operator.watch.routing_config import Documents

RESOURCE: Final = Resource(group="kubernaut.ai", version="v1alpha1", plural="notificationrequests")


class EventRecorder(Protocol):
    """Posts Kubernetes Events."""

    @property
    def tasks(self) -> Mapping[str, bool]:
        """Whether each task is running, by name, for the liveness probe."""
        ...

    def start(self) -> None:
        """Start posting."""
        ...

    def record(self, event: Event) -> None:
        """Post an Event soon; returns at once."""
        ...

    async def close(self, seconds: float) -> None:
        """Post what waits, for so many seconds at most, then stop."""
        ...


class Objects(Protocol):
    """The notifications of the cluster."""

    def pages(self, namespace: str | None, *, selector: str = "") -> AsyncIterator[Sequence[dict[str, Any]]]:
        """Return the pages of the objects in a namespace, or in all, that a field selector chooses."""
        ...

    async def delete(self, ref: ObjectRef, *, uid: str, version: str) -> None:
        """Delete an object, unless it was replaced or changed since this version."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """The ends of the operator: everything outside the process that its parts read or write."""

    store: StatusStore
    leases: LeaseStore
    objects: Objects
    routing: Documents
    channels: Mapping[str, Channel]
    audit: AuditStore
    events: EventRecorder
    metrics: Metrics
    pod: Regarding
    """This pod: Events about the operator itself regard it."""
    identity: str
    """Identifies this process as a holder of Leases."""
    observers: Sequence[Observer] = ()
    """Further observers of status writes, before the audit trail."""
    elector_observers: Sequence[Callable[[ElectorStatistics], None]] = ()
    """Called when the shards of this replica have changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """The connected parts; `app` starts and stops them."""

    queue: WorkQueue
    attempts: AttemptTracker[Key]
    breakers: Breakers
    dispatcher: Dispatcher
    elector: Elector | None
    """None for a single replica without leader election."""
    ownership: Ownership
    reconciler: Reconciler
    namespaces: AllNamespaces | SelectedNamespaces
    event_handler: EventHandler
    routing: RoutingConfig
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
    metrics_observer = MetricsObserver(metrics)
    publisher = Publisher(
        metrics_observer, LogObserver(), event_observer, *ports.observers, audit, refusals=event_observer
    )

    breakers = Breakers(
        Limits(**settings.breaker.model_dump()),
        clock=clock,
        seconds=seconds,
        on_change=event_observer.breaker_changed,
        spread=random.Random(ports.identity).random,  # noqa: S311 - spreads times, keeps no secret
    )
    dispatcher = _dispatcher(
        settings, ports, breakers=breakers, redactor=redactor, clock=clock, seconds=seconds
    )
    routing = RoutingConfig(
        ports.routing,
        settings.routing.key,
        refused=event_observer.routing_refused,
        refusals=metrics.routing_refusals,
    )
    queue = WorkQueue(workers=settings.queue.workers, clock=clock, max_keys=settings.queue.max_notifications)
    budget: ContentBudget[Key] = ContentBudget(
        settings.delivery.in_flight_bytes, channels=ports.channels, on_room=queue.add
    )
    attempts: AttemptTracker[Key] = AttemptTracker(on_finished=queue.add, budget=budget)
    elector = _elector(settings, ports, clock=clock, seconds=seconds)
    ownership = Ownership(elector, attempts, queue, routing=routing)
    starter = Starter(
        dispatcher,
        ContentRedaction(redactor),
        ownership=ownership,
        clock=clock,
        visible_after=settings.delivery.visible_after_seconds,
    )
    reconciler = Reconciler(
        store=ports.store,
        attempts=attempts,
        starter=starter,
        routing=routing,
        ownership=ownership,
        publisher=publisher,
        metrics=metrics_observer,
        clock=clock,
    )
    selects = settings.watch.namespace_selector is not None
    namespaces = SelectedNamespaces(ports.objects) if selects else AllNamespaces()
    event_handler = EventHandler(
        queue, attempts=attempts, ownership=ownership, metrics=metrics, served=namespaces
    )
    backlog_listing = BacklogListing(
        ports.objects,
        namespaces=settings.watch.namespaces,
        backlog=queue.backlog,
        handler=event_handler,
        ownership=ownership,
    )
    sweeper = _sweeper(settings, ports, namespaces=namespaces, ownership=ownership, clock=clock)
    return Operator(
        queue=queue,
        attempts=attempts,
        breakers=breakers,
        dispatcher=dispatcher,
        elector=elector,
        ownership=ownership,
        reconciler=reconciler,
        namespaces=namespaces,
        event_handler=event_handler,
        routing=routing,
        backlog_listing=backlog_listing,
        sweeper=sweeper,
        audit=audit,
        events=ports.events,
        metrics=metrics,
    )


def live_ports(settings: Settings, client: ApiClient, cluster: Cluster) -> Ports:
    """Return the real ends.

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
        routing=ConfigMapWatch(client, ref),
        channels=channels(settings.channels),
        audit=audit_store(settings.audit),
        events=KubeEventRecorder(client, instance=pod.name, dropped=metrics.events_dropped),
        metrics=metrics,
        pod=pod,
        identity=f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}",
    )


def _elector(
    settings: Settings, ports: Ports, *, clock: Callable[[], datetime], seconds: Callable[[], float]
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
        observers=ports.elector_observers,
    )


def _dispatcher(  # noqa: PLR0913 - what it delivers through, and two clocks
    settings: Settings,
    ports: Ports,
    *,
    breakers: Breakers,
    redactor: Redactor,
    clock: Callable[[], datetime],
    seconds: Callable[[], float],
) -> Dispatcher:
    return Dispatcher(
        ports.channels,
        breakers=breakers,
        timeout=settings.delivery.timeout_seconds,
        concurrency=settings.delivery.concurrency_per_channel,
        clock=clock,
        redactor=redactor,
        seconds=seconds,
        limits=channel_limits(settings.channels),
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
        ports.objects,
        settings.retention,
        namespaces=settings.watch.namespaces,
        served=namespaces,
        ownership=ownership,
        deleted=ports.metrics.retention_deleted,
        failures=ports.metrics.retention_failures,
        overdue=ports.metrics.retention_overdue,
        clock=clock,
    )
