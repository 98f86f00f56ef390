"""The ends of the operator, and those on a real cluster."""

from __future__ import annotations

import os
import socket
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from atomic_status import KubeStatusStore, ObjectRef
from notification_domain.rendering.job import Renderer
from notification_operator.controller.external_heartbeat import SECONDS as HEARTBEAT_SECONDS
from notification_operator.endpoints.builder import channels
from notification_operator.observers.audit.observer import audit_store
from notification_operator.watch.receivers import CRD_HINT
from notification_operator.watch.routing import config_map_watch
from notification_operator.watch.sources import CRD_HINT as SOURCE_CRD_HINT
from notification_runtime.kube.collection_watch import KubeWatches
from notification_runtime.kube.config_map_templates import ConfigMapTemplates
from notification_runtime.kube.events import EventRecorder, own_pod
from notification_runtime.kube.objects import RECEIVER_RESOURCE, RESOURCE, SOURCE_RESOURCE, KubeObjects
from notification_runtime.kube.requests import call
from notification_runtime.leadership.lease import KubeLeases
from notification_runtime.rendering.worker import RenderWorker
from notification_runtime.telemetry.metrics import Metrics

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from kubernetes.aio.client import ApiClient

    from atomic_status import StatusStore
    from notification_operator.observers.audit.store import AuditStore
    from notification_operator.observers.publisher import Observer
    from notification_runtime.channel_factory import ChannelFactory
    from notification_runtime.delivery.channel import Channel
    from notification_runtime.kube.client import Cluster
    from notification_runtime.kube.collection_watch import CollectionWatch
    from notification_runtime.kube.events import Regarding
    from notification_runtime.rendering.compose import ReadTemplate
    from notification_runtime.settings import Settings
    from notification_runtime.telemetry.gauges import ElectorStatistics


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
