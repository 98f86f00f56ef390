"""Composes what receivers need: the catalog, the builder of their channels, and the controller of their status."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from notification_operator.controller.receiver_status import ReceiverStatusController
from notification_operator.endpoints.builder import Builder
from notification_operator.endpoints.factory import ChannelFactory
from notification_operator.endpoints.sessions import Sessions
from notification_operator.endpoints.tester import ReceiverTester
from notification_operator.watch.receivers.catalog import ReceiverCatalog
from notification_operator.watch.receivers.receiver_watch import ReceiverWatch
from notification_operator.watch.receivers.referenced_objects import CONFIG_MAPS, SECRETS, ReferencedObjects
from notification_operator.watch.receivers.references import ReceiverReferences

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from notification_operator.config.settings import Settings
    from notification_operator.controller.workqueue import WorkQueue
    from notification_operator.domain.redaction.redactor import Redactor
    from notification_operator.endpoints.registry import Endpoints
    from notification_operator.endpoints.sessions import Sessions
    from notification_operator.leadership.ownership import Ownership
    from notification_operator.ports import Ports, ReceiverPorts
    from notification_operator.watch.namespaces import AllNamespaces, SelectedNamespaces


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverSources:
    """What is known of receivers, before anything works with it."""

    ports: ReceiverPorts
    catalog: ReceiverCatalog
    references: ReceiverReferences
    builder: Builder


def receiver_sources(  # noqa: PLR0913 - what the channels of receivers share
    settings: Settings,
    ports: ReceiverPorts,
    *,
    served: AllNamespaces | SelectedNamespaces,
    sessions: Sessions,
    redactor: Redactor,
    clock: Callable[[], datetime],
) -> ReceiverSources:
    """Return the sources; nothing is read before the watch runs."""
    catalog = ReceiverCatalog(
        ports.watches, home=ports.home, namespaces=settings.watch.namespaces, served=served
    )
    secrets, config_maps = (
        ReferencedObjects(ports.watches, kind, home=ports.home, namespaced=settings.receivers.namespaced)
        for kind in (SECRETS, CONFIG_MAPS)
    )
    factory = ports.factory or ChannelFactory(
        sessions=sessions,
        clock=clock,
        redact=redactor.text,
        cluster=ports.cluster,
        overrides=ports.overrides,
    )
    return ReceiverSources(
        ports=ports,
        catalog=catalog,
        references=ReceiverReferences(catalog, secrets=secrets, config_maps=config_maps),
        builder=Builder(secret=secrets.get, config_map=config_maps.get, factory=factory),
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
    redactor: Redactor,
    clock: Callable[[], datetime],
) -> ReceiverWatch:
    """Return what works with the sources."""
    status = ReceiverStatusController(
        store=sources.ports.store,
        receivers=lambda: sources.catalog.keys,
        declared=sources.catalog.declared,
        owns=ownership.may_start,
        endpoints=endpoints,
        tester=ReceiverTester(sources.catalog.snapshot, endpoints, clock=clock, redact=redactor.text),
        replica=ports.replica,
        home=sources.ports.home,
        clock=clock,
        spread=random.Random(ports.replica).random,  # noqa: S311 - spreads writes, keeps no secret
    )
    endpoints.observe(status.note)
    return ReceiverWatch(
        sources.catalog,
        sources.references,
        endpoints=endpoints,
        status=status,
        served=served,
        watched=settings.watch.namespaces,
        enqueue=queue.add,
        clock=clock,
    )
