"""Makes parts of the operator from its settings; `engine` puts them together."""

from __future__ import annotations

import os
import socket
import uuid
from typing import TYPE_CHECKING

from atomic_status import ObjectRef
from notification_operator.controller.retention import Due, Keeper
from notification_operator.delivery.dispatcher import Dispatcher
from notification_operator.delivery.registry import channels
from notification_operator.leadership.elector import Elector
from notification_operator.leadership.lease import KubeLeases, Terms
from notification_operator.watch.config_map import ConfigMapWatch
from notification_operator.watch.routing_config import RoutingSource

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from kubernetes.aio.client import ApiClient
    from prometheus_client import Counter

    from atomic_status import Resource
    from notification_operator.config.settings import Settings
    from notification_operator.delivery.breakers import Breakers
    from notification_operator.kube.client import Cluster
    from notification_operator.observers.kube_events import EventObserver
    from notification_operator.telemetry.metrics import Metrics


def dispatcher_of(
    settings: Settings, *, breakers: Breakers, mask: Callable[[str], str], clock: Callable[[], datetime]
) -> Dispatcher:
    """Return what delivers through the channels that are set."""
    return Dispatcher(
        channels(settings.channels),
        breakers=breakers,
        timeout=settings.delivery.timeout_seconds,
        concurrency=settings.delivery.concurrency_per_channel,
        clock=clock,
        mask=mask,
    )


def elector_of(
    settings: Settings,
    client: ApiClient,
    cluster: Cluster,
    *,
    on_change: Callable[[], None],
    drained: Callable[[int], bool],
) -> Elector | None:
    """Return what competes for the Leases; None for an operator that is alone."""
    given = settings.leader_election
    if not given.enabled:
        return None
    return Elector(
        KubeLeases(client, given.namespace or cluster.namespace),
        name=given.lease_name,
        terms=Terms(
            identity=f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}",
            seconds=given.lease_seconds,
            shards=given.shards,
        ),
        on_change=on_change,
        drained=drained,
    )


def routing_of(  # noqa: PLR0913 - where the rules are, and who wants to know of them
    settings: Settings,
    client: ApiClient,
    cluster: Cluster,
    *,
    known: Callable[[], None],
    events: EventObserver,
    metrics: Metrics,
) -> RoutingSource:
    """Return what follows the routing rules."""
    given = settings.routing
    place = ObjectRef(namespace=given.namespace or cluster.namespace, name=given.config_map)
    return RoutingSource(
        ConfigMapWatch(client, place),
        given.key,
        known=known,
        refused=events.routing_refused,
        refusals=metrics.routing_refusals,
    )


def keeper_of(  # noqa: PLR0913 - what it may delete, and who counts it
    settings: Settings,
    client: ApiClient,
    kind: Resource,
    *,
    works: Callable[[], bool],
    may_delete: Callable[[Due], bool],
    deleted: Counter,
    clock: Callable[[], datetime],
) -> Keeper | None:
    """Return what deletes notifications whose retention is over; None where they are kept for ever."""
    if not settings.retention.enabled:
        return None
    return Keeper(
        client,
        settings.retention,
        kind=kind,
        namespaces=settings.watch.namespaces,
        works=works,
        may_delete=may_delete,
        deleted=deleted,
        clock=clock,
    )
