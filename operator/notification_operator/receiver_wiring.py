"""Composes what receivers need: the catalog, the builder of their channels, and the controller of their status."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from notification_operator.controller.receiver_status import ReceiverStatusController
from notification_operator.domain.receivers.drills import is_drilled, latest_drill
from notification_operator.domain.receivers.readiness import ReadyReason
from notification_operator.endpoints.builder import Builder
from notification_operator.endpoints.factory import ChannelFactory
from notification_operator.endpoints.sessions import Sessions
from notification_operator.endpoints.tester import ReceiverTester
from notification_operator.telemetry.receiver_gauges import ReceiverState
from notification_operator.watch.receivers.catalog import ReceiverCatalog
from notification_operator.watch.receivers.receiver_watch import ReceiverWatch
from notification_operator.watch.receivers.referenced_objects import CONFIG_MAPS, SECRETS, ReferencedObjects
from notification_operator.watch.receivers.references import ReceiverReferences

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from notification_operator.config.settings import Settings
    from notification_operator.controller.workqueue import WorkQueue
    from notification_operator.domain.receivers.catalog import ReceiverKey
    from notification_operator.domain.receivers.health import Health
    from notification_operator.domain.redaction.redactor import Redactor
    from notification_operator.endpoints.registry import Endpoints
    from notification_operator.leadership.ownership import Ownership
    from notification_operator.ports import ReceiverPorts
    from notification_operator.watch.namespaces import AllNamespaces, SelectedNamespaces


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverSources:
    """What is known of receivers, before anything works with it."""

    ports: ReceiverPorts
    catalog: ReceiverCatalog
    namespaces: AllNamespaces | SelectedNamespaces
    watched: frozenset[str]
    """The namespaces whose notifications are watched; empty for all."""
    secrets: ReferencedObjects
    config_maps: ReferencedObjects
    builder: Builder
    sessions: Sessions

    def delivers_from(self, namespace: str) -> bool:
        """Return whether this operator delivers the notifications of a namespace."""
        return namespace in self.namespaces and (not self.watched or namespace in self.watched)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverParts:
    """The parts that work with receivers; `lifecycle` starts and stops them."""

    sources: ReceiverSources
    endpoints: Endpoints
    status: ReceiverStatusController
    watch: ReceiverWatch
    clock: Callable[[], datetime]

    def states(self) -> Iterator[ReceiverState]:
        """Yield what the metrics show of each receiver."""
        sources, catalog = self.sources, self.sources.catalog
        invalid = catalog.invalid
        for key, receiver in catalog.catalog.receivers.items():
            ready, health = self.endpoints.readiness(receiver), self.endpoints.health(key)
            usable = ready.reason is ReadyReason.ACCEPTED and ready.sendable and not health.problem
            yield ReceiverState(
                name=str(key),
                ready=usable and key not in invalid,
                last_success=health.last_success,
                drilled=sources.delivers_from(key.namespace) and is_drilled(receiver.spec),
                last_drill=self._last_drill(key, health),
            )
        for key in invalid.keys() - catalog.catalog.receivers.keys():
            yield ReceiverState(
                name=str(key),
                ready=False,
                drilled=sources.delivers_from(key.namespace),
                last_drill=self._last_drill(key, self.endpoints.health(key)),
            )

    def _last_drill(self, key: ReceiverKey, health: Health) -> datetime | None:
        declared = self.sources.catalog.declared(key)
        return latest_drill(declared.last_drill if declared else None, health.last_drill, now=self.clock())

    def drilled(self, key: ReceiverKey, time: datetime) -> None:
        """Take in that the message of a drill was delivered to a receiver."""
        self.endpoints.drilled(key, time)
        self.status.note(key)


def receiver_sources(
    settings: Settings,
    ports: ReceiverPorts | None,
    *,
    namespaces: AllNamespaces | SelectedNamespaces,
    redactor: Redactor,
    clock: Callable[[], datetime],
) -> ReceiverSources | None:
    """Return the sources, None for an operator without receivers; nothing is read before the watch runs."""
    if ports is None:
        return None
    catalog = ReceiverCatalog(
        ports.watches, home=ports.home, namespaces=settings.watch.namespaces, served=namespaces
    )
    secrets, config_maps = (
        ReferencedObjects(ports.watches, kind, home=ports.home, namespaced=settings.receivers.namespaced)
        for kind in (SECRETS, CONFIG_MAPS)
    )
    sessions = Sessions()
    builder = Builder(
        secret=secrets.get,
        config_map=config_maps.get,
        factory=ports.factory
        or ChannelFactory(
            sessions=sessions,
            clock=clock,
            redact=redactor.text,
            cluster=ports.cluster,
            overrides=ports.overrides,
        ),
    )
    return ReceiverSources(
        ports=ports,
        catalog=catalog,
        namespaces=namespaces,
        watched=frozenset(settings.watch.namespaces),
        secrets=secrets,
        config_maps=config_maps,
        builder=builder,
        sessions=sessions,
    )


def receiver_parts(  # noqa: PLR0913 - the parts that receivers concern
    sources: ReceiverSources | None,
    *,
    endpoints: Endpoints,
    queue: WorkQueue,
    ownership: Ownership,
    redactor: Redactor,
    replica: str,
    clock: Callable[[], datetime],
) -> ReceiverParts | None:
    """Return the parts that work with the sources; None without sources."""
    if sources is None:
        return None
    ports = sources.ports
    catalog = sources.catalog
    status = ReceiverStatusController(
        store=ports.store,
        receivers=lambda: catalog.keys,
        declared=catalog.declared,
        owns=ownership.may_start,
        endpoints=endpoints,
        tester=ReceiverTester(catalog.snapshot, endpoints, clock=clock, redact=redactor.text),
        replica=replica,
        home=ports.home,
        clock=clock,
        spread=random.Random(replica).random,  # noqa: S311 - spreads writes, keeps no secret
    )
    endpoints.observe(status.note)
    references = ReceiverReferences(catalog, secrets=sources.secrets, config_maps=sources.config_maps)
    watch = ReceiverWatch(
        catalog,
        references,
        endpoints=endpoints,
        status=status,
        namespaces=sources.namespaces,
        enqueue=queue.add,
    )
    return ReceiverParts(sources=sources, endpoints=endpoints, status=status, watch=watch, clock=clock)
