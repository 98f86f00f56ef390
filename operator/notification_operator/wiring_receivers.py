"""Composes the parts that work with NotificationReceivers."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from notification_domain.quota import RECEIVERS, Quota
from notification_domain.receivers.catalog import ReceiverKey
from notification_operator.controller.receiver_tester import ReceiverTester
from notification_operator.controller.receivers import ReceiverStatusController
from notification_operator.endpoints.builder import Builder
from notification_operator.endpoints.template_checks import TemplateChecks, TextChecks
from notification_operator.watch.receivers import ReceiverCatalog, ReceiverWatch
from notification_operator.watch.references import (
    CONFIG_MAPS,
    SECRETS,
    ReceiverReferences,
    ReferencedObjects,
    Taken,
)
from notification_runtime.channel_factory import ChannelFactory

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from notification_domain.redaction.redactor import Redactor
    from notification_domain.rendering.job import Renderer
    from notification_operator.controller.ownership import Ownership
    from notification_operator.controller.workqueue import WorkQueue
    from notification_operator.endpoints.registry import Endpoints
    from notification_operator.observers.kube_events import EventObserver
    from notification_operator.observers.publisher import MetricsObserver
    from notification_operator.ports import Ports, ReceiverPorts
    from notification_operator.watch.namespaces import AllNamespaces, SelectedNamespaces
    from notification_runtime.delivery.sessions import Sessions
    from notification_runtime.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverSources:
    """What is known of receivers, before anything works with it."""

    ports: ReceiverPorts
    catalog: ReceiverCatalog
    references: ReceiverReferences
    checks: tuple[TextChecks, ...]
    builder: Builder


def receiver_sources(  # noqa: PLR0913 - what the channels of receivers share
    settings: Settings,
    ports: ReceiverPorts,
    *,
    served: AllNamespaces | SelectedNamespaces,
    sessions: Sessions,
    redactor: Redactor,
    renderer: Renderer,
    clock: Callable[[], datetime],
) -> ReceiverSources:
    """Return the sources; nothing is read before the watch runs."""
    catalog = ReceiverCatalog(
        ports.watches,
        home=ports.home,
        namespaces=settings.watch.namespaces,
        served=served,
        types_elsewhere=settings.receivers.types_elsewhere,
        quota=Quota(
            RECEIVERS,
            home=ports.home,
            per_namespace=settings.receivers.max_per_namespace,
            total=settings.receivers.max_total,
        ),
    )
    taken, namespaced = Taken(), settings.receivers.namespaced
    secrets, config_maps = (
        ReferencedObjects(ports.watches, kind, home=ports.home, namespaced=namespaced, taken=taken)
        for kind in (SECRETS, CONFIG_MAPS)
    )
    templates, certificates = TemplateChecks(renderer), TextChecks(sessions.problem)
    factory = ports.factory or ChannelFactory(
        sessions=sessions,
        clock=clock,
        redactor=redactor,
        cluster=ports.cluster,
        overrides=ports.overrides,
        egress=settings.receivers,
        renderer=renderer,
    )
    return ReceiverSources(
        ports=ports,
        catalog=catalog,
        references=ReceiverReferences(secrets=secrets, config_maps=config_maps),
        checks=(templates, certificates),
        builder=Builder(
            secret=secrets.get,
            config_map=config_maps.get,
            factory=factory,
            templates=templates,
            certificates=certificates,
        ),
    )


def receiver_watch(  # noqa: PLR0913 - the parts that receivers concern
    settings: Settings,
    ports: Ports,
    sources: ReceiverSources,
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
        examined=sources.builder.has_examined,
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
        sources.checks,
        endpoints=endpoints,
        status=status,
        served=served,
        watched=frozenset(settings.watch.namespaces),
        enqueue=queue.add,
        gone=metrics.forget,
        clock=clock,
    )
