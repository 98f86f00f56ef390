"""The ends of the operator: everything outside the process that its parts read or write."""

from __future__ import annotations

import os
import socket
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from atomic_status import KubeStatusStore, ObjectRef
from notification_operator.endpoints.declarations import channels
from notification_operator.kube.config_map_templates import ConfigMapTemplates
from notification_operator.kube.events.recorder import EventRecorder as KubeEventRecorder
from notification_operator.kube.events.recorder import own_pod
from notification_operator.kube.leases import KubeLeases
from notification_operator.kube.objects import KubeObjects
from notification_operator.kube.resources import RECEIVER_RESOURCE, RESOURCE
from notification_operator.observers.audit.observer import audit_store
from notification_operator.telemetry.metrics import Metrics
from notification_operator.watch.collection_watch import KubeWatches
from notification_operator.watch.config_map import ConfigMapWatch
from notification_operator.watch.field_selector import OpenSelector
from notification_operator.watch.receivers.catalog import CRD_HINT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from kubernetes.aio.client import ApiClient

    from atomic_status import StatusStore
    from notification_operator.config.settings import Settings
    from notification_operator.delivery.channel import Channel
    from notification_operator.endpoints.factory import ChannelFactory
    from notification_operator.kube.client import Cluster
    from notification_operator.kube.events.event import Event, Regarding
    from notification_operator.leadership.lease import LeaseStore
    from notification_operator.observers.audit.store import AuditStore
    from notification_operator.observers.publisher import Observer
    from notification_operator.rendering.templating.overrides import ReadTemplate
    from notification_operator.telemetry.statistics import ElectorStatistics
    from notification_operator.watch.collection_watch import Watches
    from notification_operator.watch.routing_config import Documents


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
class ReceiverPorts:
    """The ends of what works with NotificationReceivers."""

    watches: Watches
    """Of receivers, and of the Secrets and ConfigMaps that they refer to."""
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
class Ports:
    """The ends of the operator: everything outside the process that its parts read or write."""

    store: StatusStore
    leases: LeaseStore
    objects: Objects
    selector: OpenSelector = field(default_factory=OpenSelector)
    """Selects the open ones."""
    routing: Documents
    receivers: ReceiverPorts | None = None
    """None for an operator without NotificationReceivers."""
    channels: Mapping[str, Channel]
    audit: AuditStore
    events: EventRecorder
    metrics: Metrics
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
        routing=ConfigMapWatch(client, ref),
        receivers=_receiver_ports(settings, client, cluster, watching)
        if settings.receivers.enabled
        else None,
        channels=channels(settings.channels),
        audit=audit_store(settings.audit),
        events=KubeEventRecorder(client, instance=pod.name, dropped=metrics.events_dropped),
        metrics=metrics,
        pod=pod,
        replica=pod.name,
        identity=f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}",
    )


def _receiver_ports(
    settings: Settings, client: ApiClient, cluster: Cluster, watching: ApiClient
) -> ReceiverPorts:
    return ReceiverPorts(
        watches=KubeWatches(watching, hint=CRD_HINT),
        store=KubeStatusStore(client, RECEIVER_RESOURCE),
        home=cluster.namespace,
        cluster=settings.receivers.cluster,
        overrides=ConfigMapTemplates(
            client, home=cluster.namespace, namespaced=settings.receivers.namespaced
        ).source,
    )
